"""objects.csv: drawn objects have the measurements that they were drawn with, in pixels and in micrometres."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.draw import ellipse

from handful.data.pixelsize import PixelSize, read_pixel_size
from handful.outputs.table import measure_objects, table_csv

CLASSES = ("background", "leaf")
PIXELS = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)


def measure(labels: np.ndarray, size: PixelSize | None = None, image: np.ndarray | None = None) -> list[dict]:
    image = np.zeros((*labels.shape, 1), np.uint8) if image is None else image
    count = int(labels.max())
    return measure_objects("a", labels, image, [1] * count, [0.9] * count, CLASSES, size)


@pytest.mark.parametrize("degrees", [-60, -45, 0, 20, 90])
def test_orientation_is_what_one_sees(degrees: int) -> None:
    labels = np.zeros((200, 200), np.int32)
    # scikit-image turns an ellipse from the columns' axis, counter-clockwise as seen.
    labels[ellipse(100, 100, 20, 80, rotation=np.deg2rad(degrees))] = 1
    (row,) = measure(labels)
    assert row["orientation"] == pytest.approx(degrees, abs=0.5)
    assert row["major_axis"] == pytest.approx(160, rel=0.01)
    assert row["minor_axis"] == pytest.approx(40, rel=0.02)


def test_orientation_of_a_line_to_the_upper_right() -> None:
    (row,) = measure(np.fliplr(np.eye(30, dtype=np.int32)))
    assert row["orientation"] == 45


def test_least_mean_and_greatest_intensity_of_each_channel() -> None:
    labels = np.zeros((4, 4), np.int32)
    labels[1, 1:3] = 1
    image = np.stack([np.arange(16).reshape(4, 4), 100 * np.ones((4, 4))], axis=2).astype(np.float32)
    (row,) = measure(labels, image=image)
    assert [row[f"{kind}_intensity_1"] for kind in ("min", "mean", "max")] == [5, 5.5, 6]
    assert [row[f"{kind}_intensity_2"] for kind in ("min", "mean", "max")] == [100, 100, 100]


def test_micrometres_scale_every_length() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[ellipse(30, 25, 10, 20)] = 1
    (row,) = measure(labels, PixelSize(0.5, 0.5))
    assert row["area_um2"] == row["area"] / 4
    for name in ("centroid_x", "centroid_y", "major_axis", "minor_axis", "perimeter"):
        assert row[f"{name}_um"] == pytest.approx(row[name] / 2, rel=1e-5)


def test_pixels_that_are_not_square() -> None:
    labels = np.zeros((80, 60), np.int32)
    labels[ellipse(40, 30, 30, 10)] = 1  # high in pixels, wide in the world
    (row,) = measure(labels, PixelSize(x=4.0, y=1.0))
    assert row["area_um2"] == row["area"] * 4
    assert row["centroid_x_um"] == pytest.approx(4 * row["centroid_x"])
    assert row["major_axis_um"] == pytest.approx(80, rel=0.03)
    assert row["minor_axis_um"] == pytest.approx(60, rel=0.03)
    assert "perimeter_um" not in row


def test_images_with_and_without_a_size_share_a_table() -> None:
    labels = np.ones((4, 4), np.int32)
    rows = [*measure(labels), *measure(labels, PixelSize(1, 1)), *measure(labels, image=np.zeros((4, 4, 2), np.uint8))]
    read = list(csv.DictReader(io.StringIO(table_csv(rows).decode())))
    assert [line["area_um2"] for line in read] == ["", "16.0", ""]
    assert [line["max_intensity_2"] for line in read] == ["", "", "0.0"]
    header = list(read[0])
    assert header[-1] == "confidence"
    assert header.index("max_intensity_2") < header.index("area_um2")


def write_ome(path: Path, **about: object) -> None:
    tifffile.imwrite(path, PIXELS, ome=True, metadata={"axes": "YX", **about})


SIZES = {
    "ome": (lambda path: write_ome(path, PhysicalSizeX=0.25, PhysicalSizeY=0.5), (0.25, 0.5)),
    "ome in nanometres": (
        lambda path: write_ome(
            path, PhysicalSizeX=65, PhysicalSizeXUnit="nm", PhysicalSizeY=65, PhysicalSizeYUnit="nm"
        ),
        (0.065, 0.065),
    ),
    "ome without sizes": (lambda path: write_ome(path), None),
    "ome in pixels": (
        lambda path: write_ome(
            path, PhysicalSizeX=1, PhysicalSizeXUnit="pixel", PhysicalSizeY=1, PhysicalSizeYUnit="pixel"
        ),
        None,
    ),
    "imagej": (
        lambda path: tifffile.imwrite(path, PIXELS, imagej=True, resolution=(4, 2), metadata={"unit": "micron"}),
        (0.25, 0.5),
    ),
    "imagej with the sign for micro as ImageJ writes it": (
        lambda path: tifffile.imwrite(path, PIXELS, imagej=True, resolution=(4, 4), metadata={"unit": "\\u00B5m"}),
        (0.25, 0.25),
    ),
    "imagej without a unit": (lambda path: tifffile.imwrite(path, PIXELS, imagej=True, resolution=(4, 4)), None),
    "pixels a centimetre": (
        lambda path: tifffile.imwrite(path, PIXELS, resolution=(20000, 20000), resolutionunit="CENTIMETER"),
        (0.5, 0.5),
    ),
    "pixels an inch": (
        lambda path: tifffile.imwrite(path, PIXELS, resolution=(50800, 50800), resolutionunit="INCH"),
        (0.5, 0.5),
    ),
    "dots an inch for printing": (
        lambda path: tifffile.imwrite(path, PIXELS, resolution=(300, 300), resolutionunit="INCH"),
        None,
    ),
    "nothing": (lambda path: tifffile.imwrite(path, PIXELS), None),
    "zero": (lambda path: tifffile.imwrite(path, PIXELS, resolution=(0, 0), resolutionunit="CENTIMETER"), None),
}


@pytest.mark.parametrize("name", SIZES)
def test_the_size_of_a_pixel_is_read_where_it_is_stated(name: str, tmp_path: Path) -> None:
    write, size = SIZES[name]
    write(tmp_path / "a.tif")
    found = read_pixel_size(tmp_path / "a.tif")
    assert (found and (found.x, found.y)) == (size and pytest.approx(size))


def test_no_size_from_other_files_and_damaged_ones(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png", dpi=(50800, 50800))
    (tmp_path / "b.tif").write_bytes(b"II*\0 nothing")
    write_ome(tmp_path / "c.tif", PhysicalSizeX=1, PhysicalSizeY=1)
    content = (tmp_path / "c.tif").read_bytes().replace(b'<?xml version="1.0" ', b"<!DOCTYPE OME [ ]>   ", 1)
    assert b"DOCTYPE" in content
    (tmp_path / "c.tif").write_bytes(content)
    assert [read_pixel_size(tmp_path / name) for name in ("a.png", "b.tif", "c.tif")] == [None] * 3
