"""A folder for results, in which nothing is overwritten unasked, and the names of the files in it."""

from __future__ import annotations

import os
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from handful.errors import OutputError
from handful.files import reason, remedy, whole_file

# What ends a file name of an image and says nothing about it.
SUFFIX = re.compile(r"\.(png|jpe?g|tiff?|bmp|gif|webp|npy|ome\.tiff?)$", re.IGNORECASE)
# Refused or changed by Windows, or in the way of a shell.
UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')
# What Windows takes for a device whatever its suffix (CON.png writes to the terminal).
DEVICE = re.compile(r"^((?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$))", re.IGNORECASE)


def file_names(names: Iterable[str]) -> tuple[str, ...]:
    """A file name without suffix for each of these image names, no two alike on any disk, in the same order.

    a.png, b.png -> a, b; a.png, a.tif -> a_png, a_tif; one/a.png, two/a.png -> one_a, two_a. Upper and lower case count
    as alike, as they do on Windows and macOS.
    """
    whole = [DEVICE.sub(r"_\1", UNSAFE.sub("_", name.strip("/. "))) or "image" for name in names]
    stems = [SUFFIX.sub("", name) or name for name in whole]
    with_suffix = [re.sub(r"\.(?=[^.]*$)", "_", name) if SUFFIX.search(name) else name for name in whole]
    counts = Counter(stem.casefold() for stem in stems)
    chosen = [stem if counts[stem.casefold()] == 1 else long for stem, long in zip(stems, with_suffix, strict=True)]
    counts = Counter(name.casefold() for name in chosen)
    taken = {name for name, count in counts.items() if count == 1}
    unique = []
    for name in chosen:
        candidate, number = name, 2
        if counts[name.casefold()] > 1:
            while candidate.casefold() in taken:
                candidate, number = f"{name}_{number}", number + 1
            taken.add(candidate.casefold())
        unique.append(candidate)
    return tuple(unique)


class OutputFolder:
    """A folder for results, made and tried at once, so that trouble shows before long work and not after it.

    Without overwrite a file that was there before is never replaced; what this object wrote may be written again.
    As a context (`with OutputFolder(...) as folder`): folders that it made and that stayed empty go when work fails.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.overwrite = overwrite
        self._written: set[Path] = set()
        self._made = [one for one in (self.path, *self.path.parents) if not one.exists()]
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path}: a file is in the way. Name a folder for the results.")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            trial = self.path / f".{uuid.uuid4().hex}.part"
            try:
                trial.write_bytes(b"handful")
            finally:
                trial.unlink(missing_ok=True)
        except OSError as error:
            self._take_back()
            raise OutputError(f"{self.path}: nothing can be written there: {reason(error)}. {remedy(error)}") from error

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._take_back()

    def _take_back(self) -> None:
        """Remove the folders that were made for this, as far as nothing is in them."""
        made = set(self._made)
        with suppress(OSError):
            inner = [one for one in self.path.rglob("*") if one.is_dir()] if self.path in made else []
            for folder in [*sorted(inner, reverse=True), *self._made]:
                with suppress(OSError):  # what holds a file stays
                    folder.rmdir()

    def refuse_existing(self, files: Iterable[str]) -> None:
        """OutputError if any of these files, named from the folder, is there and overwriting was not asked for."""
        there = [] if self.overwrite else [file for file in files if self._in_the_way(self.path / file)]
        if there:
            more = f" and {len(there) - 1} more" if len(there) > 1 else ""
            raise OutputError(
                f"{self.path / there[0]}{more}: already there. Name another folder, or overwrite with --overwrite."
            )

    def write(self, file: str, content: bytes | Callable[[BinaryIO], None]) -> str:
        """Write one file, named from the folder, whole or not at all; gives the name back."""
        self.refuse_existing([file])
        path = self.path / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot be made: {reason(error)}. {remedy(error)}") from error
        with whole_file(path) as stream:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                content(stream)
        self._written.add(path)
        return file

    def _in_the_way(self, path: Path) -> bool:
        return path not in self._written and os.path.lexists(path)
