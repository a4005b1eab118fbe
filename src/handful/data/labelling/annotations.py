"""What a reader of a labelling tool's files gives back, the same for every tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from handful.data.labelling.drawing import DrawnObject
from handful.errors import DataError

LARGEST_FILE = 256 * 2**20  # bytes; as Python objects JSON takes about eight times as much


@dataclass
class Annotated:
    """An image as the file names it (it is looked for by this name, never opened by it), with what is drawn on it.

    size: (height, width) as the tool has it, or None. problem: why its annotations cannot be used, or "".
    """

    name: str
    where: str
    size: tuple[int, int] | None = None
    objects: list[DrawnObject] = field(default_factory=list)
    problem: str = ""

    def collect(self, shapes: Iterable[Callable[[], DrawnObject | None]]) -> None:
        """Add what these make; the first that is wrong spoils the image, as it would be learnt without that object."""
        try:
            self.objects += [drawn for make in shapes if (drawn := make()) is not None]
        except DataError as error:
            self.problem, self.objects = str(error), []


@dataclass
class Annotations:
    """Everything in one file. order: its class names, where the tool keeps an order; passed: what no mask can show
    (points, lines, boxes without outline, ...) and how often it came."""

    tool: str
    path: Path
    images: list[Annotated]
    order: tuple[str, ...] = ()
    passed: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many objects are drawn."""
        return sum(len(image.objects) for image in self.images)


def read_bytes(path: Path, shown: str) -> bytes:
    """The content of an annotation file. Raises DataError where it cannot be read or is too large."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(
                f"{shown}: is larger than {LARGEST_FILE // 2**20} MB. Export the annotations in several files."
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror}). Copy it again.") from error
