"""The files that a training leaves: names, and the rules for training into a folder that is there already."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handful.data.split import Split
from handful.errors import DataError, OutputError
from handful.files import write_whole
from handful.outputs.files import OutputFolder

MODEL, REPORT, SCORES = "model.safetensors", "report.html", "scores.json"
SPLIT, HISTORY, SETTINGS, CHECKPOINT = "split.json", "history.csv", "settings.toml", "checkpoint.safetensors"
FILES = (MODEL, REPORT, SCORES, SPLIT, HISTORY, SETTINGS, CHECKPOINT)


def check_run(path: Path) -> None:
    """OutputError where `path` holds anything but an earlier run."""
    if path.is_dir():
        strange = sorted(one.name for one in path.iterdir() if one.name not in FILES and not one.name.startswith("."))
        if strange:
            raise OutputError(
                f"{path}: this folder holds other things ({', '.join(strange[:3])}), not an earlier run. "
                "Name a new folder with -o."
            )
    elif path.exists():
        raise OutputError(f"{path}: a file is in the way. Name a folder for the run with -o.")


@contextmanager
def open_run(path: Path) -> Iterator[None]:
    """The folder of a run, tried at once; a new one in which no training began is gone when work fails."""
    fresh = not (path / SPLIT).exists()
    with OutputFolder(path, overwrite=True), alone(path):
        try:
            yield
        except BaseException:
            if fresh and not (path / MODEL).exists() and not (path / CHECKPOINT).exists():
                (path / SPLIT).unlink(missing_ok=True)
            raise


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """A folder that nobody else works in meanwhile: OutputError where somebody does.

    The system forgets the lock with the process, however that ends. Windows has no locks on folders, some network disks
    none at all: there nobody is refused.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{path}: another training is at work in this folder. Wait for its end, or name a new folder with -o."
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def free_run(data: str | Path | None) -> Path:
    """runs/NAME of the data, with a number behind it where that is taken."""
    name = Path(data).resolve().name if data else "run"
    path, number = Path("runs") / name, 2
    while path.exists():
        path, number = Path("runs") / f"{name}-{number}", number + 1
    return path


def read_split(path: Path) -> Split | None:
    """The split of an earlier run in this folder, None where there is none."""
    file = path / SPLIT
    if not file.is_file():
        return None
    try:
        return Split.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise DataError(f"{file}: {error}") from None
        raise DataError(f"{file}: cannot be read ({error}). Remove it to make a new split.") from None


def write_json(path: Path, content: Any) -> None:
    """JSON that people can read too, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def without_nan(content: Any) -> Any:
    """JSON has no nan: None."""
    return json.loads(json.dumps(content), parse_constant=lambda _: None)


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV, the first being the head."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_history(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """history.csv: a row a validation."""
    names = list(rows[0]) if rows else ["step", "seconds", "loss", "validation_dice", "learning_rate"]
    write_whole(path, csv_text([names, *([row[name] for name in names] for row in rows)]).encode())
