"""rle.csv: a line of run lengths an object, as Kaggle's Data Science Bowl 2018 wants them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from handful.data.runs import column_runs
from handful.outputs.objects import each_object

HEADER = ("ImageId", "EncodedPixels")


def rle_objects(labels: NDArray[np.int32]) -> list[str]:
    """For each object of labels (H, W) "start length start length ...": pixels count from 1, down the columns."""
    found = []
    for pixels in each_object(labels):
        starts, lengths = column_runs(pixels.inside, pixels.top, pixels.left, labels.shape[0])
        found.append(" ".join(map(str, np.column_stack([starts + 1, lengths]).ravel().tolist())))
    return found


def rle_csv(images: Iterable[tuple[str, Sequence[str]]]) -> bytes:
    """The file: names of images with the run lengths of their objects; an image without any has one empty line."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for name, objects in images:
        writer.writerows((name, runs) for runs in objects or ("",))
    return stream.getvalue().encode()
