"""objects.csv: a line of measurements for every object, all of them scikit-image's `regionprops`."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from skimage.measure import perimeter, regionprops_table

from handful.data.pixelsize import PixelSize
from handful.outputs.objects import each_object

# Name in the table -> name in scikit-image's regionprops; lengths in pixels, areas in pixels squared.
SHAPE = {
    "area": "area",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
    "perimeter": "perimeter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "orientation": "orientation",
}
INTENSITY = {"mean": "intensity_mean", "min": "intensity_min", "max": "intensity_max"}
PLACES = ("centroid_x", "centroid_y")
PHYSICAL = ("area_um2", *(f"{name}_um" for name in (*PLACES, "major_axis", "minor_axis", "perimeter")))

Row = dict[str, str | int | float]


def measure_objects(
    name: str,
    labels: NDArray[np.int32],
    image: NDArray[Any],
    object_classes: Sequence[int],
    confidence: Sequence[float],
    classes: Sequence[str],
    pixel_size: PixelSize | None = None,
) -> list[Row]:
    """A row for each object 1 to n of labels (H, W) on an image (H, W, C).

    image, object, class, area, centroid_x and centroid_y (pixels, the origin is the image's upper left corner, a
    pixel's centre is at half), major_axis, minor_axis, perimeter, eccentricity, solidity, orientation (of the major
    axis against the x axis, degrees counter-clockwise as seen, above -90 to 90), mean_intensity_1, min_ and max_ and so
    on for each channel (in the image's own values), confidence (0 to 1). With a pixel size also area_um2, centroid_x_um
    and so on, in micrometres; perimeter_um only where pixels are square.
    """
    if not len(object_classes):
        return []
    with warnings.catch_warnings():
        # An object one pixel wide has no convex hull; scikit-image says so and gives a solidity that is replaced below.
        warnings.simplefilter("ignore")
        wanted = ("label", "centroid", *INTENSITY.values(), *SHAPE.values())
        table = regionprops_table(labels, intensity_image=image, properties=wanted)
    physical = _physical(labels, pixel_size)
    rows: list[Row] = []
    for index, number in enumerate(table["label"]):
        row: Row = {"image": name, "object": int(number), "class": classes[object_classes[number - 1]]}
        row["area"] = int(table["area"][index])
        row["centroid_x"] = _rounded(table["centroid-1"][index] + 0.5)
        row["centroid_y"] = _rounded(table["centroid-0"][index] + 0.5)
        row |= {ours: _rounded(table[theirs][index]) for ours, theirs in SHAPE.items() if ours != "area"}
        if not 0 < table["solidity"][index] <= 1:
            row["solidity"] = 1.0
        row["orientation"] = _degrees(table["orientation"][index])
        for channel in range(image.shape[2]):
            for ours, theirs in INTENSITY.items():
                row[f"{ours}_intensity_{channel + 1}"] = _rounded(table[f"{theirs}-{channel}"][index])
        row |= {key: _rounded(values[index]) for key, values in physical.items()}
        row["confidence"] = _rounded(confidence[number - 1])
        rows.append(row)
    return rows


def _physical(labels: NDArray[np.int32], size: PixelSize | None) -> dict[str, Sequence[float]]:
    """The measurements of all objects that have a unit, in micrometres; none where the size of a pixel is unknown."""
    if size is None:
        return {}
    wanted = ("area", "centroid", "axis_major_length", "axis_minor_length")
    table = regionprops_table(labels, properties=wanted, spacing=(size.y, size.x))
    values = {
        "area_um2": table["area"],
        "centroid_x_um": table["centroid-1"] + size.x / 2,
        "centroid_y_um": table["centroid-0"] + size.y / 2,
        "major_axis_um": table["axis_major_length"],
        "minor_axis_um": table["axis_minor_length"],
    }
    if abs(size.x - size.y) < 1e-3 * size.x:
        lengths = [float(perimeter(pixels.inside)) * size.x for pixels in each_object(labels)]
        values["perimeter_um"] = np.array(lengths)
    return values


def _degrees(orientation: float) -> float:
    """scikit-image counts from the rows' axis, in radians; people from the x axis, in degrees."""
    degrees = np.degrees(orientation) + 90
    return _rounded(degrees - 180 if degrees > 90 else degrees)


def table_csv(rows: Iterable[Row]) -> bytes:
    """Rows as CSV, UTF-8, columns in the order they first appear; with no rows, a header alone."""
    kept, stream = list(rows), io.BytesIO()
    table_writer(lambda: kept)(stream)
    return stream.getvalue()


def table_writer(rows: Callable[[], Iterable[Row]]) -> Callable[[BinaryIO], None]:
    """Writer of the same for rows that are too many for memory; `rows` gives them, and gives them again."""
    header = [
        "image",
        "object",
        "class",
        "area",
        *PLACES,
        *list(SHAPE)[1:],
        *(f"{key}_intensity_1" for key in INTENSITY),
    ]
    columns = list(dict.fromkeys(key for row in rows() for key in row)) or header
    # In images of several kinds the channels of one stay together, before what has a unit.
    columns.sort(key=lambda key: (key == "confidence", key in PHYSICAL))
    columns = columns if "confidence" in columns else [*columns, "confidence"]

    def write(stream: BinaryIO) -> None:
        text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=False)
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())
        text.detach()  # flushed, and the stream left open to whoever opened it

    return write


def _rounded(value: float) -> float:
    """Six digits: far more than is known, and no column of noise in the last bits."""
    return float(f"{float(value):.6g}")
