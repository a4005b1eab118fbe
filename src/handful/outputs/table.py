"""objects.csv: a line of measurements for every object."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

# Name in the table -> name in scikit-image's regionprops; lengths in pixels, areas in pixels squared.
SHAPE = {
    "area": "area",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
    "perimeter": "perimeter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
}

Row = dict[str, str | int | float]


def measure_objects(
    name: str,
    labels: NDArray[np.int32],
    image: NDArray[Any],
    object_classes: Sequence[int],
    confidence: Sequence[float],
    classes: Sequence[str],
) -> list[Row]:
    """A row for each object 1 to n of labels (H, W) on an image (H, W, C).

    image, object, class, area, centroid_x and centroid_y (pixels, the origin is the image's upper left corner, a
    pixel's centre is at half), major_axis, minor_axis, perimeter, eccentricity, solidity, mean_intensity_1 and so on
    for each channel (in the image's own values), confidence (0 to 1).
    """
    if not len(object_classes):
        return []
    with warnings.catch_warnings():
        # An object one pixel wide has no convex hull; scikit-image says so and gives a solidity that is replaced below.
        warnings.simplefilter("ignore")
        table = regionprops_table(
            labels, intensity_image=image, properties=("label", "centroid", "intensity_mean", *SHAPE.values())
        )
    rows: list[Row] = []
    for index, number in enumerate(table["label"]):
        row: Row = {"image": name, "object": int(number), "class": classes[object_classes[number - 1]]}
        row["area"] = int(table["area"][index])
        row["centroid_x"] = _rounded(table["centroid-1"][index] + 0.5)
        row["centroid_y"] = _rounded(table["centroid-0"][index] + 0.5)
        row |= {ours: _rounded(table[theirs][index]) for ours, theirs in SHAPE.items() if ours != "area"}
        if not 0 < table["solidity"][index] <= 1:
            row["solidity"] = 1.0
        for channel in range(image.shape[2]):
            row[f"mean_intensity_{channel + 1}"] = _rounded(table[f"intensity_mean-{channel}"][index])
        row["confidence"] = _rounded(confidence[number - 1])
        rows.append(row)
    return rows


def table_csv(rows: Iterable[Row]) -> bytes:
    """Rows as CSV, UTF-8, columns in the order they first appear; with no rows, a header alone."""
    rows = list(rows)
    header = ["image", "object", "class", "area", "centroid_x", "centroid_y", *list(SHAPE)[1:], "mean_intensity_1"]
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "confidence")) or header
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*columns, "confidence"], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _rounded(value: float) -> float:
    """Six digits: far more than is known, and no column of noise in the last bits."""
    return float(f"{float(value):.6g}")
