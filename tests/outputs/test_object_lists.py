"""COCO, ImageJ regions and run lengths: the tool that people read them with gives back the pixels that went in."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import pytest
import roifile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from shapely.geometry import Polygon
from skimage.measure import label

from handful.data.runs import from_runs, run_lengths, runs_from_text, runs_to_text
from handful.errors import DataError
from handful.outputs.coco import coco_objects, coco_writer
from handful.outputs.outlines import pixel_outlines
from handful.outputs.rle import rle_objects, rle_writer
from handful.outputs.rois import FARTHEST, roi_zip
from rings import inside_rings

# pycocotools 2.0.11 has an __array__ of before NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLASSES = ("background", "leaf", "stem")
# Objects with holes, in pieces that touch at corners, of one pixel, at every border: whatever three values can draw.
DRAWN = arrays(np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 3))
SEVERAL = settings(max_examples=60, deadline=None)


def written(writer: Callable[[BinaryIO], None]) -> bytes:
    stream = io.BytesIO()
    writer(stream)
    return stream.getvalue()


def as_labels(drawn: np.ndarray) -> np.ndarray:
    return label(drawn, connectivity=2).astype(np.int32)


def kinds_of(labels: np.ndarray) -> list[int]:
    return [1 + number % 2 for number in range(labels.max())]


def through_coco(labels: np.ndarray, tmp: str, background: int | None = 0) -> tuple[COCO, np.ndarray]:
    """Labels as pycocotools reads them from the file."""
    kinds = kinds_of(labels)
    image = {"file_name": "a.png", "height": labels.shape[0], "width": labels.shape[1]}
    content = written(
        coco_writer([(image, coco_objects(labels, kinds, [0.5] * len(kinds), background))], CLASSES, background)
    )
    with open(tmp, "wb") as file:
        file.write(content)
    coco = COCO(tmp)
    back = np.zeros(labels.shape, np.int32)
    for number, one in enumerate(coco.loadAnns(coco.getAnnIds()), start=1):
        back[coco.annToMask(one) == 1] += number
    return coco, back


@SEVERAL
@given(drawn=DRAWN)
def test_pycocotools_gives_the_pixels_back(drawn: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    labels = as_labels(drawn)
    file = str(tmp_path_factory.mktemp("coco") / "coco.json")
    coco, back = through_coco(labels, file)
    assert np.array_equal(back, labels)
    for number, one in enumerate(coco.loadAnns(coco.getAnnIds()), start=1):
        rle = coco.annToRLE(one)
        assert one["area"] == coco_mask.area(rle) == np.count_nonzero(labels == number)
        assert one["bbox"] == coco_mask.toBbox(rle).tolist()
        assert coco.cats[one["category_id"]]["name"] == CLASSES[1 + (number - 1) % 2]


def test_holes_are_run_lengths_and_the_rest_polygons(tmp_path) -> None:
    labels = np.zeros((12, 20), np.int32)
    labels[1:6, 1:6], labels[3, 3] = 1, 0
    labels[7:11, 2:4] = labels[8, 4:9] = 2
    coco, back = through_coco(labels, str(tmp_path / "coco.json"))
    ring, piece = coco.loadAnns([1, 2])
    assert isinstance(ring["segmentation"]["counts"], str)
    assert len(piece["segmentation"][0]) // 2 == 8  # eight corners, and nothing between them
    assert np.array_equal(back, labels)


def test_categories_are_class_numbers_and_count_from_one_without_background(tmp_path) -> None:
    labels = np.ones((4, 4), np.int32)
    with_nothing, _ = through_coco(labels, str(tmp_path / "a.json"))
    assert {key: one["name"] for key, one in with_nothing.cats.items()} == {1: "leaf", 2: "stem"}
    without, _ = through_coco(labels, str(tmp_path / "b.json"), background=None)
    assert {key: one["name"] for key, one in without.cats.items()} == {1: "background", 2: "leaf", 3: "stem"}
    assert without.loadAnns([1])[0]["category_id"] == 2


def test_images_without_objects_stay_in_the_file(tmp_path) -> None:
    content = json.loads(written(coco_writer([({"file_name": name}, []) for name in ("a.png", "b.png")], CLASSES)))
    assert [(one["id"], one["file_name"]) for one in content["images"]] == [(1, "a.png"), (2, "b.png")]
    assert content["annotations"] == []


@SEVERAL
@given(drawn=DRAWN)
def test_roifile_gives_the_pixels_back(drawn: np.ndarray) -> None:
    labels = as_labels(drawn)
    content = roi_zip(labels, kinds_of(labels), CLASSES)
    back = np.zeros(labels.shape, np.int32)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for number, name in enumerate(archive.namelist(), start=1):
            roi = roifile.ImagejRoi.frombytes(archive.read(name))
            kind = 1 + (number - 1) % 2
            assert (roi.name, roi.group) == (f"{CLASSES[kind]} {number}", kind)
            rows, columns = np.nonzero(labels == number)
            box = (roi.top, roi.bottom, roi.left, roi.right)
            assert box == (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
            back[inside_rings(roi.coordinates(multi=True), labels.shape)] += number
    assert np.array_equal(back, labels)


def test_regions_far_out_and_too_far_out() -> None:
    labels = np.zeros((2, FARTHEST), np.int32)
    labels[:, -3:] = 1
    labels[0, 40000:40003], labels[0, 40001] = 2, 0
    with zipfile.ZipFile(io.BytesIO(roi_zip(labels, [1, 1], CLASSES[:2]))) as archive:
        corner, pieces = (roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist())
    assert corner.coordinates().max(axis=0).tolist() == [FARTHEST, 2]
    assert [ring[:, 0].min() for ring in pieces.coordinates(multi=True)] == [40000, 40002]
    with pytest.raises(DataError, match="Save contours or coco"):
        roi_zip(np.zeros((2, FARTHEST + 1), np.int32), [], CLASSES)


@SEVERAL
@given(drawn=DRAWN)
def test_run_lengths_are_those_of_kaggle(drawn: np.ndarray) -> None:
    labels = as_labels(drawn)
    lines = list(csv.DictReader(io.StringIO(written(rle_writer([("im,age", rle_objects(labels))])).decode())))
    back = np.zeros(labels.size, np.int32)
    for number, line in enumerate(lines, start=1):
        assert line["ImageId"] == "im,age"
        runs = [int(word) for word in line["EncodedPixels"].split()]
        assert runs[::2] == sorted(runs[::2])  # Kaggle refuses pairs out of order
        for start, length in zip(runs[::2], runs[1::2], strict=True):
            back[start - 1 : start - 1 + length] += number
        ends = [start + length for start, length in zip(runs[::2], runs[1::2], strict=True)]
        assert all(end < start for end, start in zip(ends, runs[2::2], strict=False))  # no run goes on as another
    assert np.array_equal(back.reshape(labels.shape, order="F"), labels)
    assert len(lines) == max(1, labels.max())


def test_an_image_without_objects_has_an_empty_line() -> None:
    assert written(rle_writer([("a", []), ("b", ["1 2"])])) == b"ImageId,EncodedPixels\na,\nb,1 2\n"


@SEVERAL
@given(drawn=DRAWN)
def test_outlines_hold_exactly_the_pixels_and_are_valid(drawn: np.ndarray) -> None:
    inside = drawn > 0
    polygons = pixel_outlines(inside, 5, 7)
    assert sum(Polygon(rings[0], rings[1:]).area for rings in polygons) == np.count_nonzero(inside)
    assert all(Polygon(rings[0], rings[1:]).is_valid for rings in polygons)
    back = sum((inside_rings(rings, (30, 30)) for rings in polygons), np.zeros((30, 30), int))
    assert np.array_equal(back[5 : 5 + len(inside), 7 : 7 + inside.shape[1]], inside)
    assert back.sum() == inside.sum()


@SEVERAL
@given(mask=arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_run_lengths_are_packed_as_pycocotools_packs_them(mask: np.ndarray) -> None:
    runs = run_lengths(mask)
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert runs_to_text(runs) == packed
    assert np.array_equal(runs_from_text(packed), runs)
    assert np.array_equal(from_runs(runs, mask.shape), mask)


@pytest.mark.parametrize("text", ["o", "\x00", "P", "ooooooooooooooooooooooo0", "0N", "ä"])
def test_damaged_run_lengths_are_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"damaged|cut short|add up"):
        from_runs(runs_from_text(text), (3, 3))


@pytest.mark.parametrize("runs", [[9, 1], [-1, 10], [2**62, 2**62, 2**62, 2**62, 9], [5.5, "x"], [[9]]])
def test_run_lengths_that_do_not_fill_the_mask_are_refused(runs: list) -> None:
    with pytest.raises(DataError, match="run lengths"):
        from_runs(runs, (3, 3))
