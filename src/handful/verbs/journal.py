"""What of a prediction is done, kept in the folder of results while the work lasts, so that it can go on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.errors import OutputError
from handful.files import reason, remedy, write_whole

if TYPE_CHECKING:
    from handful.data.image import ImageFile
    from handful.outputs.prediction import Written

FOLDER = ".handful-unfinished"
WORK, DONE = "work.json", "done.jsonl"
LISTED = ("rows", "annotations", "runs")  # of `Written`: of the objects of an image


@dataclass(frozen=True)
class StoredRows:
    """Rows of a list of objects in a file, a JSON value a line; they can be gone through again and again."""

    path: Path

    def __iter__(self) -> Iterator[Any]:
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


class Journal:
    """A folder inside that of the results: what the work is, a line an image that is done, and files of large images.

    Lines are written when all files of an image are; its lists of objects are kept apart and read when needed.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER
        self._done: dict[str, dict[str, Any]] = {}

    def found(self) -> bool:
        """Whether unfinished work is there."""
        return (self.folder / WORK).is_file()

    def start(self, work: Mapping[str, Any], *, resume: bool) -> bool:
        """Begin, or with `resume` go on with the same work; True where it goes on.

        Other work than what was begun (another model, other outputs) is an OutputError.
        """
        if resume and self.found():
            before = self._read(WORK, (self.folder / WORK).read_bytes())
            if before != json.loads(json.dumps(work)):
                changed = ", ".join(sorted(key for key in {*before, *work} if before.get(key) != work.get(key)))
                raise OutputError(
                    f"{self.folder.parent}: holds unfinished work with another {changed}. Give the same command as "
                    "then, or start anew with --overwrite."
                )
            for line in self._lines():
                if not isinstance(line.get("key"), str):
                    raise self._damaged(DONE, "a line without key")
                self._done[line["key"]] = line
            return True
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_whole(self.folder / WORK, json.dumps(work).encode())
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be made: {reason(error)}. {remedy(error)}") from error
        return False

    def _lines(self) -> Iterator[dict[str, Any]]:
        path = self.folder / DONE
        for line in path.read_bytes().split(b"\n")[:-1] if path.is_file() else []:  # what has no end was cut off
            yield self._read(DONE, line)

    def _read(self, name: str, raw: bytes) -> dict[str, Any]:
        """A JSON object out of a file of this folder; OutputError where it is none."""
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise self._damaged(name, str(error)[:80]) from error
        if not isinstance(content, dict):
            raise self._damaged(name, "no JSON object")
        return content

    def _damaged(self, name: str, why: str) -> OutputError:
        return OutputError(f"{self.folder / name}: is damaged ({why}). Start anew with --overwrite.")

    def done(self, file: ImageFile, name: str) -> Written | None:
        """What was written about this image, if all of it was, and the image is still the same file."""
        from handful.outputs.prediction import Written

        line = self._done.get(key_of(file, name))
        if line is None:
            return None
        try:
            if line["state"] != state_of(file):
                return None
            entry, lists = line["entry"], line["lists"]
            if not all((self.folder.parent / path).exists() for path in entry["files"].values()):
                return None
            if not isinstance(entry["messages"], list) or not set(lists) <= set(LISTED):
                raise ValueError("not as it was written")
            if any(Path(stored).name != stored for stored in lists.values()):
                raise ValueError("a list outside this folder")
            return Written(entry, **{kind: StoredRows(self.folder / stored) for kind, stored in lists.items()})
        except (LookupError, TypeError, AttributeError, ValueError, OSError) as error:
            raise self._damaged(DONE, repr(error)[:80]) from error

    def add(self, file: ImageFile, name: str, written: Written) -> Written:
        """Note that an image is done; gives back the same with its lists of objects on disk."""
        from handful.outputs.prediction import Written

        number = sum(1 for _ in self.folder.glob("*-*.jsonl"))
        stored: dict[str, StoredRows] = {}
        for kind in LISTED:
            rows = getattr(written, kind)
            if rows:
                stored[kind] = rows if isinstance(rows, StoredRows) else self.store(f"{kind}-{number}", rows)
        lists = {kind: rows.path.name for kind, rows in stored.items()}
        line = {"key": key_of(file, name), "state": state_of(file), "entry": written.entry, "lists": lists}
        with (self.folder / DONE).open("ab") as stream:
            stream.write(json.dumps(line).encode() + b"\n")
        return Written(written.entry, **stored)

    def store(self, name: str, rows: Iterable[Any]) -> StoredRows:
        """Rows of a list as they are made, into a file of this name."""
        path = self.folder / f"{name}.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
        return StoredRows(path)

    def scratch(self, number: int) -> Path:
        """A folder for the files of a large image, by its place among the images."""
        return self.folder / f"image-{number}"

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def key_of(file: ImageFile, name: str) -> str:
    return f"{name}|{os.path.abspath(file.path)}|{file.page}"


def state_of(file: ImageFile) -> list[int]:
    """Size and time of an image file: another picture under the same name is predicted anew."""
    try:
        about = file.path.stat()
    except OSError:
        return []
    return [about.st_size, about.st_mtime_ns]


def fingerprint(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
