"""The files of one reader spoilt by what its code does with them: libFuzzer through atheris, guided by coverage.

    python tests/promises/guided.py READER SECONDS [FOLDER]     # names as in `readers.READERS`

Where the reader is Python this finds what chance does not, as an input that reaches new lines is spoilt further; the
decoders of pictures are C, which atheris does not see into: `.ci/fuzz` spoils those. Needs `pip install atheris`. Files
that a reader did not take as it should are left in FOLDER (fuzz), one for each place in the code; then status 1.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import atheris

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]


def instrumented(name: str, place: Path) -> tuple[Any, Any, Any]:
    """The reader, what judges it, and what tells faults apart.

    Every module is looked into that its valid files come by, wherever it is imported.
    """
    with atheris.instrument_imports(include=["handful", "tifffile", "tomllib"], enable_loader_override=False):
        from faults import fault, place_in_code
        from readers import READERS

        reader = READERS[name]
        for content in reader.files():
            if wrong := fault(reader, content, place):
                raise SystemExit(f"{name}: a valid file is refused: {wrong}")
    return reader, fault, place_in_code


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    found = Path(sys.argv[3] if len(sys.argv) > 3 else "fuzz").resolve()
    place = Path(tempfile.mkdtemp()) / "inner"
    corpus = place.parent / "corpus"
    for folder in (place, corpus):
        folder.mkdir()
    os.chdir(place)
    reader, fault, place_in_code = instrumented(name, place)
    for number, content in enumerate(reader.files()):
        (corpus / str(number)).write_bytes(content)
    files, faults, until = 0, Counter[str](), time.monotonic() + seconds

    def take(content: bytes) -> None:
        nonlocal files
        files += 1
        if wrong := fault(reader, content, place):
            where = place_in_code(wrong)
            if not faults[where]:
                found.mkdir(parents=True, exist_ok=True)
                file = found / f"{reader.plain_name}-{len(faults)}{Path(reader.file).suffix}"
                file.write_bytes(content)
                print(f"{file}: {wrong}", flush=True)
            faults[where] += 1
        if time.monotonic() > until:  # libFuzzer would end the process without a word
            inside = sorted(one.name for one in place.parent.iterdir())
            clean = inside == ["corpus", "inner"]
            print(f"{name}: {files} files, {faults.total()} faults" + ("" if clean else f", left {inside}"), flush=True)
            os._exit(int(bool(faults) or not clean))

    def change(content: bytes, most: int, seed: int) -> bytes:
        """By its bytes as libFuzzer does, by its structure, or as the other tests do."""
        rng = Random(seed)
        way = rng.random()
        if way < 0.4:
            return bytes(atheris.Mutate(content, most))
        if way < 0.7 and reader.change is not None:
            try:
                return bytes(reader.change(content, rng))[:most]
            except Exception:  # it can take whole files only
                pass
        return bytes(reader.spoilt(rng))[:most]

    longest = 4 * max(map(len, reader.files())) + 4096
    options = [f"-max_len={longest}", "-timeout=60", "-rss_limit_mb=4096", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], take, custom_mutator=change, internal_libfuzzer=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
