"""rle.csv: a line of run lengths an object, as Kaggle's Data Science Bowl 2018 wants them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from handful.data.runs import column_runs
from handful.outputs.objects import ObjectPixels, each_object

HEADER = ("ImageId", "EncodedPixels")


def rle_objects(labels: NDArray[np.int32]) -> list[str]:
    """For each object of labels (H, W) "start length start length ...": pixels count from 1, down the columns."""
    return [rle_object(pixels, labels.shape[0]) for pixels in each_object(labels)]


def rle_object(pixels: ObjectPixels, height: int) -> str:
    """That of one object in an image of this height."""
    starts, lengths = column_runs(pixels.inside, pixels.top, pixels.left, height)
    return " ".join(map(str, np.column_stack([starts + 1, lengths]).ravel().tolist()))


def rle_writer(images: Iterable[tuple[str, Iterable[str]]]) -> Callable[[BinaryIO], None]:
    """Writer of names of images with the run lengths of their objects; an image without any has one empty line.

    Objects are gone through one at a time, as they may be too many for memory.
    """

    def write(stream: BinaryIO) -> None:
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        for name, objects in images:
            runs = iter(objects)
            writer.writerow((name, next(runs, "")))
            writer.writerows((name, one) for one in runs)
        text.detach()  # flushed, and the stream left open to whoever opened it

    return write
