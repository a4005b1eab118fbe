"""Annotations of labelling tools: what was drawn, written as the tool writes it, comes back as the same masks."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
import roifile
from PIL import Image
from pycocotools import mask as coco_mask
from skimage.draw import ellipse

from handful.data import VOID, MaskReading, check_data, find_images, find_pairs, read_mask
from handful.data.check import summary_lines
from handful.data.labelling.labelstudio import unpack_brush
from handful.data.labelling.readers import TOOLS
from handful.data.labelling.shapes import CROSSINGS, Polygon, box
from handful.data.labelling.shapes import ellipse as oval
from handful.errors import DataError, HandfulError, SettingsError
from rings import inside_rings

HEIGHT, WIDTH = 40, 60


@dataclass
class Thing:
    """An object as drawn: its outline and its holes; no edge runs through the centre of a pixel, as that is a tie."""

    name: str
    rings: list[list[tuple[float, float]]]

    @property
    def inside(self) -> np.ndarray:
        return inside_rings([np.array(ring, float) for ring in self.rings], (HEIGHT, WIDTH))


def rectangle(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


# Overlapping objects, a hole, slanted edges, one pixel, and what reaches over the border of the image.
DRAWN = {
    "one": [
        Thing("cell", [rectangle(2, 2, 30, 20)]),
        Thing("bug", [[(20, 10), (40, 16), (24, 30)]]),
        Thing("cell", [rectangle(40, 20, 56, 36), rectangle(44, 24, 50, 30)]),
        Thing("bug", [rectangle(45, 25, 46, 26)]),
    ],
    "two": [Thing("cell", [[(-8, 30.3), (20.1, 20.2), (30.2, 50.3)]]), Thing("cell", [rectangle(50, 0, 60, 12)])],
}


def truth(things: list[Thing]) -> tuple[np.ndarray, np.ndarray]:
    """Names and numbers of the objects, the smaller one over the larger."""
    names, labels = np.full((HEIGHT, WIDTH), "background"), np.zeros((HEIGHT, WIDTH), np.int32)
    for number in sorted(range(len(things)), key=lambda n: -np.count_nonzero(things[n].inside)):
        names[things[number].inside], labels[things[number].inside] = things[number].name, number + 1
    return names, labels


def plant(root: Path, names: Any = DRAWN, folder: str = "images", ending: str = ".png") -> Path:
    for seed, name in enumerate(names):
        (root / folder).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / folder / f"{name}{ending}")
    return root


def window(inside: np.ndarray) -> tuple[int, int, np.ndarray]:
    rows, columns = np.nonzero(inside)
    top, left = int(rows.min()), int(columns.min())
    return top, left, inside[top : rows.max() + 1, left : columns.max() + 1]


def counts_along_rows(inside: np.ndarray) -> list[int]:
    flat = np.concatenate([[0], inside.ravel().astype(int), [1 - int(inside.ravel()[-1])]])
    places = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], places])).tolist()


def as_coco(things: list[Thing], image: int) -> list[dict]:
    """Packed run lengths where there is a hole, plain ones for some, else a polygon."""
    found = []
    for thing in things:
        packed = coco_mask.encode(np.asfortranarray(thing.inside.astype(np.uint8)))
        segmentation: Any = [np.ravel(thing.rings[0]).tolist()]
        if len(thing.rings) > 1:
            segmentation = {"size": packed["size"], "counts": packed["counts"].decode()}
        elif thing.inside.sum() == 1:
            segmentation = {"size": packed["size"], "counts": counts_along_rows(thing.inside.T)}
        kind = {"cell": 7, "bug": 12}[thing.name]
        found.append({"image_id": image, "category_id": kind, "segmentation": segmentation, "iscrowd": 0})
    return [{"id": 100 * image + place, **one} for place, one in enumerate(found)]


def write_coco(root: Path) -> None:
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.png", "height": HEIGHT, "width": WIDTH} for n, name in enumerate(DRAWN)
        ],
        "annotations": [one for n, things in enumerate(DRAWN.values()) for one in as_coco(things, n)],
        "categories": [{"id": 12, "name": "bug"}, {"id": 7, "name": "cell"}, {"id": 3, "name": "unused"}],
    }
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_default.json").write_text(json.dumps(content))


def write_labelme(root: Path) -> None:
    for name, things in DRAWN.items():
        shapes = []
        for thing in things:
            shape = {"label": thing.name, "points": thing.rings[0], "group_id": None, "shape_type": "polygon"}
            if len(thing.rings) > 1:
                top, left, inside = window(thing.inside)
                stream = io.BytesIO()
                Image.fromarray(inside).save(stream, "PNG")
                corners = [[left, top], [left + inside.shape[1] - 1, top + inside.shape[0] - 1]]
                shape |= {"shape_type": "mask", "points": corners, "mask": base64.b64encode(stream.getvalue()).decode()}
            shapes.append(shape)
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"..\\images\\{name}.png"}
        content |= {"imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}
        (root / "images" / f"{name}.json").write_text(json.dumps(content))


def pack_brush(inside: np.ndarray) -> list[int]:
    """As Label Studio packs it: 8-bit values, lengths of 3, 4, 8 or 16 bits; some values one by one."""
    values = np.repeat(inside.ravel() * 255, 4)
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    for run in np.split(values, np.flatnonzero(np.diff(values)) + 1):
        for begin in range(0, len(run), 2**16):
            part = run[begin : begin + 2**16]
            if len(part) == 4:  # a lone pixel, not as a run
                bits += f"0{0:02b}{len(part) - 1:03b}" + "".join(f"{value:08b}" for value in part)
            else:
                bits += f"1{3:02b}{len(part) - 1:016b}{part[0]:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def write_label_studio(root: Path) -> None:
    tasks = []
    for number, (name, things) in enumerate(DRAWN.items()):
        results = []
        for place, thing in enumerate(things):
            about = {"id": f"r{place}", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
            percent = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in thing.rings[0]]
            value: dict[str, Any] = {"points": percent, "closed": True, "polygonlabels": [thing.name]}
            kind = "polygonlabels"
            if len(thing.rings) > 1:
                kind, value = "brushlabels", {"format": "rle", "rle": pack_brush(thing.inside)}
                value["brushlabels"] = [thing.name]
            elif place == 0:  # the region and its label apart, as <Polygon> with <Labels> has it
                label = {"type": "labels", "value": {"labels": value.pop("polygonlabels")}}
                results.append({**about, **label})
                kind = "polygon"
            results.append({**about, "type": kind, "value": value})
        tasks.append(
            {
                "id": number + 1,
                "data": {"image": f"/data/upload/3/0a1b2c3d-{name}.png"},
                "annotations": [
                    {"id": 1, "was_cancelled": True, "result": []},
                    {"id": 2, "was_cancelled": False, "result": results},
                ],
            }
        )
    (root / "project-1-at-2026-01-01.json").write_text(json.dumps(tasks))


def write_cvat(root: Path) -> None:
    images = []
    for number, (name, things) in enumerate(DRAWN.items()):
        shapes = []
        for thing in things:
            common = f'label={quoteattr(thing.name)} source="manual" occluded="0" z_order="0"'
            if len(thing.rings) > 1:
                top, left, inside = window(thing.inside)
                rle = ", ".join(map(str, counts_along_rows(inside)))
                place = f'left="{left}" top="{top}" width="{inside.shape[1]}" height="{inside.shape[0]}"'
                shapes.append(f'<mask {common} rle="{rle}" {place}></mask>')
            else:
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in thing.rings[0])
                shapes.append(f'<polygon {common} points="{points}"><attribute name="sure">yes</attribute></polygon>')
        size = f'width="{WIDTH}" height="{HEIGHT}"'
        images.append(f'<image id="{number}" name="images/{name}.png" {size}>{"".join(shapes)}</image>')
    labels = "".join(f"<label><name>{name}</name><color>#fff</color></label>" for name in ("cell", "bug", "unused"))
    content = f"<annotations><version>1.1</version><meta><job><labels>{labels}</labels></job></meta>{''.join(images)}"
    (root / "annotations.xml").write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{content}</annotations>')


def as_roi(thing: Thing, number: int) -> roifile.ImagejRoi:
    if len(thing.rings) == 1:
        roi = roifile.ImagejRoi.frompoints(np.array(thing.rings[0], np.float32))
    else:
        roi = roifile.ImagejRoi()
        roi.roitype = roifile.ROI_TYPE.RECT
        path = [step for ring in thing.rings for i, (x, y) in enumerate(ring) for step in (int(i > 0), x, y)]
        per_ring = 3 * len(thing.rings[0])
        path = [step for begin in range(0, len(path), per_ring) for step in (*path[begin : begin + per_ring], 4)]
        roi.multi_coordinates = np.array(path, np.float32)
        roi.shape_roi_size = len(path)
    roi.name = f"{thing.name} {number}"
    roi.group = {"cell": 1, "bug": 2}[thing.name]
    return roi


def write_rois(root: Path) -> None:
    (root / "rois").mkdir()
    for name, things in DRAWN.items():
        with zipfile.ZipFile(root / "rois" / f"{name}_RoiSet.zip", "w") as archive:
            for number, thing in enumerate(things, start=1):
                archive.writestr(f"{number:04d}.roi", as_roi(thing, number).tobytes())


WRITERS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "COCO": (write_coco, ("cell", "bug")),  # by the categories' numbers
    "LabelMe": (write_labelme, ("bug", "cell")),  # by the alphabet
    "Label Studio": (write_label_studio, ("bug", "cell")),
    "CVAT": (write_cvat, ("cell", "bug")),  # as the task lists them
    "ImageJ": (write_rois, ("bug", "cell")),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_what_was_drawn_comes_back(tool: str, tmp_path: Path) -> None:
    write, order = WRITERS[tool]
    write(plant(tmp_path))
    audit = check_data(tmp_path)
    assert audit.reading.classes == ("background", *order)
    assert audit.reading.instances
    assert MaskReading.from_dict(json.loads(json.dumps(audit.reading.to_dict()))) == audit.reading
    assert not audit.of_severity("error")
    assert f"2 images with {tool} annotations" in summary_lines(audit)[0]
    assert [pair.name for pair in audit.pairs] == list(DRAWN)
    for pair in audit.pairs:
        mask = read_mask(pair, audit.reading)
        names, labels = truth(DRAWN[pair.name])
        assert np.array_equal(np.array(audit.reading.classes)[mask.classes], names)
        assert np.array_equal(mask.labels, labels)


@pytest.mark.parametrize("tool", TOOLS)
def test_annotations_are_named_where_images_are_left_over(tool: str, tmp_path: Path) -> None:
    WRITERS[tool][0](plant(tmp_path, [*DRAWN, "three"]))
    audit = check_data(tmp_path)
    assert len(audit.pairs) == 2
    assert any("1 image without annotations, left out" in str(problem) for problem in audit.problems)


@pytest.mark.parametrize("tool", TOOLS)
def test_masks_that_are_named_so_have_the_say(tool: str, tmp_path: Path) -> None:
    WRITERS[tool][0](plant(tmp_path))
    for name in DRAWN:
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.eye(HEIGHT, WIDTH).astype(bool)).save(tmp_path / "masks" / f"{name}.png")
    assert all(pair.drawing is None for pair in find_pairs(tmp_path).pairs)


@pytest.mark.parametrize("tool", TOOLS)
def test_annotations_can_be_named_as_masks(tool: str, tmp_path: Path) -> None:
    WRITERS[tool][0](plant(tmp_path))
    pattern = {"COCO": "annotations/*.json", "LabelMe": "images/*.json", "ImageJ": "rois"}.get(tool, "*.*")
    audit = check_data(tmp_path, images="images/*.png", masks=pattern)
    assert len(audit.pairs) == 2


def test_images_are_found_for_prediction_beside_annotations(tmp_path: Path) -> None:
    write_labelme(plant(tmp_path))
    assert [name for name, _ in find_images([tmp_path])] == ["one", "two"]


# ------------------------------------------------------------------------------------------------- the rules


def labelme(root: Path, *shapes: dict, name: str = "one", **about: Any) -> Path:
    """A LabelMe file beside its image."""
    plant(root, [name], folder="")
    content = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": HEIGHT, "imageWidth": WIDTH, **about}
    (root / f"{name}.json").write_text(json.dumps(content))
    return root


def shape(label: str, ring: list, kind: str = "polygon", **about: Any) -> dict:
    return {"label": label, "points": ring, "shape_type": kind, **about}


def only_mask(root: Path, **flags: Any) -> tuple[Any, Any]:
    audit = check_data(root, **flags)
    (pair,) = audit.pairs
    return audit, read_mask(pair, audit.reading)


def test_a_background_cuts_holes_and_what_is_ignored_is_void(tmp_path: Path) -> None:
    labelme(
        tmp_path,
        shape("_background_", rectangle(12, 12, 18, 18)),
        shape("cat", rectangle(10, 10, 30, 30)),
        shape("__ignore__", rectangle(28, 28, 34, 34)),
    )
    audit, mask = only_mask(tmp_path)
    assert audit.reading.classes == ("background", "cat")
    assert (mask.classes[14, 14], mask.classes[11, 11], mask.classes[29, 29]) == (0, 1, VOID)
    assert np.count_nonzero(mask.classes == 1) == 400 - 36 - 4
    assert not audit.reading.instances  # one object a class in each image says no more than the class
    assert "void and crowds are left out" in audit.reading.description


def test_parts_of_a_group_are_one_object(tmp_path: Path) -> None:
    labelme(
        tmp_path,
        shape("cat", rectangle(1, 1, 5, 5), group_id=3),
        shape("cat", rectangle(8, 8, 12, 12), group_id=3),
        shape("cat", rectangle(20, 20, 24, 24), group_id=None),
        shape("cat", rectangle(30, 20, 34, 24)),
    )
    audit, mask = only_mask(tmp_path)
    assert audit.objects == 3
    assert mask.labels[2, 2] == mask.labels[9, 9] != mask.labels[21, 21]


def test_other_shapes_of_labelme(tmp_path: Path) -> None:
    labelme(
        tmp_path,
        shape("box", [[20, 12], [10, 5]], "rectangle"),
        shape("disc", [[40, 20], [40, 32]], "circle"),
        shape("spot", [[3, 3]], "point"),
        shape("way", [[3, 3], [9, 9]], "linestrip"),
    )
    audit, mask = only_mask(tmp_path)
    assert audit.reading.classes == ("background", "box", "disc")
    assert np.array_equal(np.argwhere(mask.classes == 1)[[0, -1]], [[5, 10], [11, 19]])
    disc = np.zeros((HEIGHT, WIDTH), bool)
    disc[ellipse(19.5, 39.5, 12, 12)] = True
    assert np.array_equal(mask.classes == 2, disc)
    assert {"1 shapes of type point, passed over", "1 shapes of type linestrip, passed over"} <= {
        problem.message for problem in audit.problems
    }


def cvat(root: Path, *shapes: str) -> Path:
    plant(root, ["one"], folder="")
    head = f'<annotations><image id="0" name="one.png" width="{WIDTH}" height="{HEIGHT}">'
    (root / "annotations.xml").write_text(f"{head}{''.join(shapes)}</image></annotations>")
    return root


def test_a_higher_level_covers_a_smaller_object(tmp_path: Path) -> None:
    cvat(
        tmp_path,
        '<box label="large" xtl="0" ytl="0" xbr="20" ybr="20" z_order="1"/>',
        '<box label="small" xtl="10" ytl="10" xbr="24" ybr="24" z_order="0"/>',
        '<polyline label="way" points="1,1;5,5" z_order="0"/><tag label="good"/>',
    )
    audit, mask = only_mask(tmp_path)
    assert audit.reading.classes[mask.classes[15, 15]] == "large"
    assert audit.reading.classes[mask.classes[22, 22]] == "small"
    assert [problem.message for problem in audit.problems] == ["1 shapes of type polyline, passed over"]


def test_boxes_and_ellipses_of_cvat_turn_clockwise(tmp_path: Path) -> None:
    cvat(
        tmp_path,
        '<box label="bar" xtl="10" ytl="18" xbr="30" ybr="22" rotation="30" z_order="0"/>',
        '<ellipse label="egg" cx="45" cy="20" rx="12" ry="4" rotation="90" z_order="0"/>',
    )
    audit, mask = only_mask(tmp_path)
    rows, columns = np.nonzero(mask.classes == audit.reading.classes.index("bar"))
    assert np.corrcoef(rows, columns)[0, 1] > 0.9  # from the upper left to the lower right
    assert len(rows) == pytest.approx(80, abs=2)
    rows, columns = np.nonzero(mask.classes == audit.reading.classes.index("egg"))
    assert (np.ptp(rows), np.ptp(columns)) == (23, 7)


def test_label_studio_turns_rectangles_about_their_corner(tmp_path: Path) -> None:
    plant(tmp_path, ["one"], folder="")
    about = {"original_width": WIDTH, "original_height": HEIGHT}
    bar = {"x": 50, "y": 25, "width": 40, "height": 10, "rotation": 90, "rectanglelabels": ["bar"]}
    egg = {"x": 20, "y": 75, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["egg"]}
    results = [
        {"type": "rectanglelabels", "value": bar, **about},
        {"type": "ellipselabels", "value": egg, **about},
        {"type": "choices", "value": {"choices": ["sharp"]}},
        {"type": "keypointlabels", "value": {"x": 1, "y": 1, "keypointlabels": ["tip"]}, **about},
    ]
    task = {"data": {"image": "https://host/a%20folder/one.png"}, "annotations": [{"result": results}]}
    (tmp_path / "export.json").write_text(json.dumps([task]))
    audit, mask = only_mask(tmp_path)
    assert audit.reading.classes == ("background", "bar", "egg")
    assert np.array_equal(np.argwhere(mask.classes == 1)[[0, -1]], [[10, 26], [33, 29]])
    assert np.argwhere(mask.classes == 2).mean(axis=0) == pytest.approx([29.5, 11.5], abs=0.1)
    assert [problem.message for problem in audit.problems] == ["1 regions of type keypoint, passed over"]


def rois(root: Path, *members: roifile.ImagejRoi) -> Path:
    plant(root, ["one"], folder="")
    with zipfile.ZipFile(root / "one.zip", "w") as archive:
        for number, roi in enumerate(members):
            archive.writestr(f"{number}.roi", roi.tobytes())
    return root


def roi_of(kind: roifile.ROI_TYPE, left: int, top: int, right: int, bottom: int, **about: Any) -> roifile.ImagejRoi:
    roi = roifile.ImagejRoi()
    roi.roitype, roi.left, roi.top, roi.right, roi.bottom = kind, left, top, right, bottom
    for name, value in about.items():
        setattr(roi, name, value)
    return roi


def test_regions_of_every_kind(tmp_path: Path) -> None:
    rois(
        tmp_path,
        roi_of(roifile.ROI_TYPE.RECT, 2, 3, 10, 8, name="0001-0002"),
        roi_of(roifile.ROI_TYPE.OVAL, 20, 10, 40, 34, name="0003-0004"),
        roifile.ImagejRoi.frompoints(np.array([[50, 5], [58, 5], [58, 20], [50, 20]])),
        roi_of(roifile.ROI_TYPE.LINE, 0, 0, 5, 5),
    )
    audit, mask = only_mask(tmp_path)
    assert audit.reading.classes == ("background", "foreground")
    assert np.bincount(mask.labels.ravel())[1:].tolist()[::2] == [8 * 5, 8 * 15]
    disc = np.zeros((HEIGHT, WIDTH), bool)
    disc[ellipse(21.5, 29.5, 12, 10)] = True
    assert np.array_equal(mask.labels == 2, disc)
    assert [problem.message for problem in audit.problems] == ["1 lines, angles and points, passed over"]


def test_one_region_alone_and_its_place_in_a_folder_of_many(tmp_path: Path) -> None:
    plant(tmp_path / "a", ["x", "y"], folder="")
    plant(tmp_path / "b", ["x"], folder="")
    roi_of(roifile.ROI_TYPE.RECT, 2, 3, 10, 8).tofile(tmp_path / "a" / "x.roi")
    roi_of(roifile.ROI_TYPE.RECT, 2, 3, 10, 9).tofile(tmp_path / "b" / "x.roi")
    audit = check_data(tmp_path)
    assert [facts.class_pixels[1] for facts in audit.facts.values()] == [40, 48]


def coco(root: Path, annotations: list[dict], images: list[dict] | None = None, **about: Any) -> Path:
    if images is None:
        plant(root, ["one"], folder="")
        images = [{"id": 1, "file_name": "one.png", "height": HEIGHT, "width": WIDTH}]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}], **about}
    (root / "coco.json").write_text(json.dumps(content))
    return root


def square(left: int, top: int, side: int, **about: Any) -> dict:
    ring = np.ravel(rectangle(left, top, left + side, top + side)).tolist()
    return {"image_id": 1, "category_id": 1, "segmentation": [ring], **about}


def test_crowds_are_void_and_never_cover_an_object(tmp_path: Path) -> None:
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    inside[10:14, 10:14] = 1
    runs = {"size": [HEIGHT, WIDTH], "counts": counts_along_rows(inside.T)}
    crowd = {"image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": runs}
    coco(tmp_path, [square(12, 12, 20), crowd])
    audit, mask = only_mask(tmp_path)
    assert (mask.classes[10, 10], mask.classes[13, 13]) == (VOID, 1)
    assert audit.objects == 1


def test_polygons_of_one_object_are_joined(tmp_path: Path) -> None:
    both = square(2, 2, 6)
    both["segmentation"] += square(4, 4, 6)["segmentation"]
    _, mask = only_mask(coco(tmp_path, [both]))
    assert np.count_nonzero(mask.classes) == 36 + 36 - 16


def test_boxes_without_outline_are_passed_over_and_alone_refused(tmp_path: Path) -> None:
    empty = {"image_id": 1, "category_id": 1, "segmentation": [], "bbox": [1, 1, 5, 5]}
    audit, _ = only_mask(coco(tmp_path, [square(3, 3, 5), empty]))
    assert [problem.message for problem in audit.problems] == ["1 boxes without an outline, passed over"]
    with pytest.raises(DataError, match=r"coco\.json: holds no outline of any object"):
        check_data(coco(tmp_path, [empty]))


def test_an_image_without_objects_is_background(tmp_path: Path) -> None:
    plant(tmp_path, ["one", "two"], folder="")
    images = [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(("one", "two"), start=1)]
    audit = check_data(coco(tmp_path, [square(3, 3, 5), square(9, 9, 5)], images))
    assert [facts.objects for facts in audit.facts.values()] == [2, 0]


def test_problems_name_the_image_and_the_place_in_the_file(tmp_path: Path) -> None:
    names = ("one", "empty", "broken", "large")
    plant(tmp_path, names, folder="")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    images = [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(names, start=1)]
    images[3] |= {"height": 9, "width": 9}
    things = [square(3, 3, 5), {**square(3, 3, 5), "image_id": 3}, {**square(3, 3, 5), "image_id": 4}]
    audit = check_data(coco(tmp_path, things, images))
    assert [pair.name for pair in audit.pairs] == ["empty", "one"]
    assert sorted(problem.where for problem in audit.problems) == ["broken.png", "coco.json", "coco.json (empty.png)"]
    (refused,) = [problem for problem in audit.problems if problem.where == "coco.json"]
    assert "was drawn on 9x9 pixels, but large.png has 60x40" in refused.message


def test_a_map_of_regions_has_no_background_and_no_objects(tmp_path: Path) -> None:
    labelme(
        tmp_path,
        shape("sky", rectangle(0, 0, WIDTH, 20)),
        shape("road", rectangle(0, 20, 30, HEIGHT)),
        shape("road", rectangle(30, 20, WIDTH, HEIGHT)),
    )
    audit, mask = only_mask(tmp_path)
    assert (audit.reading.classes, audit.reading.background) == (("road", "sky"), None)
    assert mask.labels is None
    assert np.array_equal(np.unique(mask.classes), [0, 1])


def test_a_list_of_classes_orders_them_and_flags_decide(tmp_path: Path) -> None:
    things = [shape(name, rectangle(5 * n, 2, 5 * n + 4, 9)) for n, name in enumerate(("a", "b", "b"))]
    labelme(tmp_path, *things)
    (tmp_path / "classes.txt").write_text("z\nb\na\n")
    audit, mask = only_mask(tmp_path)
    assert audit.reading.classes == ("background", "b", "a")
    assert mask.labels is not None
    assert only_mask(tmp_path, mask_kind="classes")[1].labels is None
    with pytest.raises(SettingsError, match="classes or instances"):
        check_data(tmp_path, mask_kind="threshold")
    with pytest.raises(SettingsError, match="name their classes"):
        check_data(tmp_path, values="0=a,1=b")


def test_train_and_test_files_over_one_folder_of_images(tmp_path: Path) -> None:
    plant(tmp_path, ["one", "two"], folder="images")
    for part, name in (("train", "one"), ("test", "two")):
        coco(tmp_path, [square(3, 3, 5)], [{"id": 1, "file_name": f"{name}.png"}])
        (tmp_path / "coco.json").rename(tmp_path / f"{part}.json")
    assert {pair.name: pair.part for pair in find_pairs(tmp_path).pairs} == {"one": "train", "two": "test"}


def test_words_in_the_name_of_one_image_make_no_part(tmp_path: Path) -> None:
    labelme(tmp_path, shape("x", rectangle(1, 1, 9, 9)), name="test_1")
    labelme(tmp_path, shape("x", rectangle(1, 1, 9, 9)), name="train_1")
    assert {pair.part for pair in find_pairs(tmp_path).pairs} == {"all"}


@pytest.mark.parametrize("name", ["a.zip", "RoiSet_a.zip", "a-rois.zip", "ROISet a.zip", "A_RoiSet.zip", "a_cells.zip"])
def test_names_of_region_files(name: str, tmp_path: Path) -> None:
    plant(tmp_path, ["a", "b", "ab"], folder="")
    roi_of(roifile.ROI_TYPE.RECT, 2, 3, 10, 8).tofile(tmp_path / name)
    assert [pair.name for pair in find_pairs(tmp_path).pairs] == ["a"]


def test_the_file_with_most_objects_has_the_say_over_an_image(tmp_path: Path) -> None:
    coco(tmp_path, [square(3, 3, 5)])
    (tmp_path / "coco.json").rename(tmp_path / "a_keypoints.json")
    audit, _ = only_mask(coco(tmp_path, [square(3, 3, 5), square(20, 20, 5)]))
    assert audit.objects == 2
    assert "annotates the same images as another file" in audit.problems[0].message


def test_equal_names_in_two_folders_go_by_the_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        plant(tmp_path, ["x"], folder=folder)
    images = [{"id": n, "file_name": f"{folder}/x.png"} for n, folder in enumerate("ba")]
    things = [{**square(3, 3, 5 + n), "image_id": n} for n in range(2)]
    audit = check_data(coco(tmp_path, things, images))
    assert [facts.class_pixels[1] for facts in audit.facts.values()] == [36, 25]
    images[0]["file_name"] = images[1]["file_name"] = "x.png"
    with pytest.raises(DataError, match=r"may be a/x\.png and b/x\.png"):
        check_data(coco(tmp_path, things, images))


def test_a_test_set_of_masks_and_one_of_annotations_are_read_alike(tmp_path: Path) -> None:
    write_coco(plant(tmp_path / "coco"))
    write_labelme(plant(tmp_path / "labelme"))
    reading = check_data(tmp_path / "coco").reading
    first = check_data(tmp_path / "labelme", reading=reading)
    for pair in first.pairs:
        names, _ = truth(DRAWN[pair.name])
        assert np.array_equal(np.array(reading.classes)[read_mask(pair, reading).classes], names)
    plant(tmp_path / "masks")
    for name in DRAWN:
        names, _ = truth(DRAWN[name])
        (tmp_path / "masks" / "labels").mkdir(exist_ok=True)
        numbers = np.select([names == kind for kind in reading.classes], range(3)).astype(np.uint8)
        Image.fromarray(numbers).save(tmp_path / "masks" / "labels" / f"{name}.png")
    second = check_data(tmp_path / "masks", reading=reading)
    assert second.class_pixels == first.class_pixels


# ------------------------------------------------------------------------------------------------- shapes


def test_polygons_are_filled_as_the_slow_way_does() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        height, width = rng.integers(1, 30, 2).tolist()
        rings = tuple(rng.random((rng.integers(3, 9), 2)) * (1.5 * width, 1.5 * height) - 5 for _ in range(2))
        patch = Polygon(rings).fill(height, width)
        whole = np.zeros((height, width), bool)
        rows, columns = patch.inside.shape
        whole[patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.inside
        assert np.array_equal(whole, inside_rings(rings, (height, width)))


def test_a_polygon_of_endless_edges_is_filled_in_pieces() -> None:
    zigzag = np.array([(x % 2 * 50.0, -1.0 if x % 2 else 1001.0) for x in range(2 * CROSSINGS // 1000)])
    assert Polygon((zigzag,)).fill(1000, 50).inside.shape == (1000, 50)


def test_neighbours_share_no_pixel_and_leave_none() -> None:
    corner = (13.5, 7.5)  # on the centre of a pixel
    parts = [box(0, 0, *corner), box(13.5, 0, 30, 7.5), box(0, 7.5, 13.5, 20), box(*corner, 30, 20)]
    count = np.zeros((20, 30), int)
    for part in parts:
        patch = part.fill(20, 30)
        rows, columns = patch.inside.shape
        count[patch.top : patch.top + rows, patch.left : patch.left + columns] += patch.inside
    assert (count == 1).all()


@pytest.mark.parametrize("radius", [3, 50, 800])
def test_an_ellipse_has_its_area(radius: float) -> None:
    side = 2 * radius + 10
    patch = oval(side / 2, side / 2, radius, radius / 2, 30).fill(side, side)
    assert np.count_nonzero(patch.inside) == pytest.approx(np.pi * radius**2 / 2, abs=3 * radius**0.6 + 2)


# ------------------------------------------------------------------------------------------------- hostile files


def spoil(**changes: Any) -> dict:
    return {**square(3, 3, 5), **changes}


BAD_COCO: dict[str, tuple[dict, str]] = {
    "text for a place": (spoil(segmentation=[["1", "x", 3, 4, 5, 6]]), "'x' is no number"),
    "not a number": (spoil(segmentation=[[1, float("nan"), 3, 4, 5, 6]]), "nan is no place"),
    "endless": (spoil(segmentation=[[1, float("inf"), 3, 4, 5, 6]]), "inf is no place"),
    "far away": (spoil(segmentation=[[1, 1e300, 3, 4, 5, 6]]), "1e[+]300 is no place"),
    "odd": (spoil(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "holds 7 numbers"),
    "a word": (spoil(segmentation="everything"), "was expected"),
    "nested": (spoil(segmentation=[[[1, 2], [3, 4], [5, 6]]]), "is no number"),
    "truth": (spoil(segmentation=[[True, 2, 3, 4, 5, 6]]), "is no number"),
    "unknown class": (spoil(category_id=9), "none of the categories"),
    "class of a list": (spoil(category_id=[1]), "is no number"),
    "other size": (spoil(segmentation={"size": [9, 9], "counts": [81]}), "on an image of 60x40"),
    "endless size": (spoil(segmentation={"size": [10**6, 10**6], "counts": [10**12]}), "on an image of 60x40"),
    "too few runs": (spoil(segmentation={"size": [HEIGHT, WIDTH], "counts": [5]}), "do not add up"),
    "runs that wrap": (
        spoil(segmentation={"size": [HEIGHT, WIDTH], "counts": [2**63 - 1] * 3}),
        "do not add up",
    ),
    "runs of words": (spoil(segmentation={"size": [HEIGHT, WIDTH], "counts": ["a"]}), "whole numbers"),
    "endless run": (spoil(segmentation={"size": [HEIGHT, WIDTH], "counts": [10**30]}), "whole numbers"),
    "damaged runs": (spoil(segmentation={"size": [HEIGHT, WIDTH], "counts": "\u20ac"}), "damaged"),
    "no size": (spoil(segmentation={"counts": [2400]}), "expected"),
}


@pytest.mark.parametrize("name", BAD_COCO)
def test_a_bad_annotation_spoils_its_image_only(name: str, tmp_path: Path) -> None:
    bad, words = BAD_COCO[name]
    plant(tmp_path, ["one", "two"], folder="")
    images = [{"id": n, "file_name": f"{one}.png", "height": HEIGHT, "width": WIDTH} for n, one in enumerate(DRAWN)]
    audit = check_data(coco(tmp_path, [bad, {**square(3, 3, 5), "image_id": 0}], images))
    assert [pair.name for pair in audit.pairs] == ["one"]
    (problem,) = audit.of_severity("error")
    assert problem.where.startswith("coco.json")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(str(problem))


BAD_FILES: dict[str, tuple[str, bytes | str, str]] = {
    "half a file": ("a.json", '{"images": [', "no valid JSON"),
    "deep": ("a.json", "[" * 200_000, "no valid JSON"),
    "not text": ("a.json", b"\xff\xfe\x00", "no valid JSON"),
    "no list": ("a.json", '{"images": 3, "annotations": [], "categories": []}', "was expected"),
    "no name": ("a.json", '{"images": [{"id": 1}], "annotations": [], "categories": []}', "a name was expected"),
    "image twice": (
        "a.json",
        '{"images": [{"id": 1, "file_name": "one.png"}, {"id": 1, "file_name": "b"}], "annotations": [],'
        ' "categories": []}',
        "used twice",
    ),
    "no such image": (
        "a.json",
        '{"images": [{"id": 1, "file_name": "one.png"}], "annotations": [{"image_id": 2}], "categories": []}',
        "none of the images",
    ),
    "only elsewhere": (
        "a.json",
        '{"images": [{"id": 1, "file_name": "../secret/hidden.png"}],'
        ' "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}],'
        ' "categories": [{"id": 1, "name": "x"}]}',
        "names 1 image that is not here, such as '../secret/hidden.png'",
    ),
    "laughs": ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "declares a document type"),
    "half an xml": ("a.xml", "<annotations><image", "no valid XML"),
    "video": ("a.xml", '<annotations><track id="0" label="x"/></annotations>', "export for video"),
    "not a zip": ("one.roi", b"Iout", "damaged"),
    "wrong magic": ("one.roi", b"I" * 200, "damaged"),
    "no label": (
        "one.json",
        '{"shapes": [{"points": [[1, 1], [9, 1], [9, 9]]}], "imagePath": "one.png"}',
        "a name was expected",
    ),
    "points of three": (
        "one.json",
        '{"shapes": [{"label": "x", "points": [[1, 1, 1]]}], "imagePath": "one.png"}',
        "pairs",
    ),
    "no picture in it": (
        "one.json",
        '{"shapes": [{"label": "x", "shape_type": "mask", "points": [[1, 1], [3, 3]], "mask": "AAAA"}],'
        ' "imagePath": "one.png"}',
        "its mask is no picture",
    ),
    "damaged brush": (
        "a.json",
        '[{"data": {"image": "one.png"}, "annotations": [{"result": [{"type": "brushlabels", "original_width": 60,'
        ' "original_height": 40, "value": {"format": "rle", "rle": [0, 0, 37, 128, 57], "brushlabels": ["x"]}}]}]}]',
        "brush's mask is damaged",
    ),
    "brush of another size": (
        "a.json",
        '[{"data": {"image": "one.png"}, "annotations": [{"result": [{"type": "brushlabels", "original_width": 999999,'
        ' "original_height": 999999, "value": {"format": "rle", "rle": [255, 255, 255, 255, 57],'
        ' "brushlabels": ["x"]}}]}]}]',
        "has not the size",
    ),
    "brush of words": (
        "a.json",
        '[{"data": {"image": "one.png"}, "annotations": [{"result": [{"type": "brushlabels", "original_width": 60,'
        ' "original_height": 40, "value": {"format": "rle", "rle": ["a", 900]}}]}]}]',
        "numbers from 0 to 255",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_said_in_words(name: str, tmp_path: Path) -> None:
    file, content, words = BAD_FILES[name]
    root = plant(tmp_path / "data", ["one"], folder="")
    plant(tmp_path / "secret", ["hidden", "one"], folder="")
    (root / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=words):
        check_data(root)


def test_no_file_outside_the_data_is_read(tmp_path: Path) -> None:
    root = plant(tmp_path / "data", ["one"], folder="")
    plant(tmp_path / "secret", ["one", "two"], folder="")
    names = ("../secret/one.png", str(tmp_path / "secret" / "two.png"), "C:\\secret\\two.png")
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, start=1)]
    audit = check_data(coco(root, [square(3, 3, 5), {**square(3, 3, 5), "image_id": 2}], images))
    assert [pair.image.path for pair in audit.pairs] == [root / "one.png"]
    assert "names 2 images that are not here" in audit.problems[0].message


ODD = (None, -1, 1e9, 1e308, float("nan"), "", "../x", [], {}, [[]], [1], True, "9" * 400, 10**40, [[1, 2]])


def mutated(content: bytes, suffix: str, rng: random.Random) -> bytes:
    """A value of a JSON file changed or removed, or some bytes of any file."""
    if suffix == ".json" and rng.random() < 0.8:
        value = json.loads(content)
        places: list[tuple[Any, Any]] = []

        def walk(inner: Any) -> None:
            for key in list(inner) if isinstance(inner, dict) else range(min(len(inner), 6)):
                places.append((inner, key))
                if isinstance(inner[key], dict | list):
                    walk(inner[key])

        walk(value)
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(ODD)
        return json.dumps(value).encode()
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("tool", TOOLS)
def test_files_changed_at_random_are_read_or_refused(tool: str, tmp_path: Path) -> None:
    WRITERS[tool][0](plant(tmp_path))
    files = [file for file in sorted(tmp_path.rglob("*")) if file.suffix in (".json", ".xml", ".zip")]
    for seed in range(12):
        rng = random.Random(seed)
        file = rng.choice(files)
        content = file.read_bytes()
        file.write_bytes(mutated(content, file.suffix, rng))
        with suppress(HandfulError):
            check_data(tmp_path)
        file.write_bytes(content)


def test_regions_changed_at_random_are_read_or_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path, ["one"], folder="")
    regions = [as_roi(thing, 1).tobytes() for thing in DRAWN["one"]]
    for seed in range(60):
        rng = random.Random(seed)
        (tmp_path / "one.roi").write_bytes(b"Iout" + mutated(rng.choice(regions)[4:], ".roi", rng))
        with suppress(HandfulError):
            check_data(tmp_path)
    assert not capfd.readouterr().err


def test_a_zip_that_unpacks_to_far_more_is_refused_unopened(tmp_path: Path) -> None:
    plant(tmp_path, ["one"], folder="")
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../up.roi", b"\0" * 2**26)
    with pytest.raises(DataError, match="unpacks to far more"):
        check_data(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "one.zip"]


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    plant(tmp_path, ["one"], folder="")
    with open(tmp_path / "a.json", "wb") as stream:
        stream.truncate(2**29)  # no disk is used for it
    with pytest.raises(DataError, match="larger than 256 MB"):
        check_data(tmp_path)


def test_a_drawing_of_another_size_is_refused(tmp_path: Path) -> None:
    things = [shape("x", rectangle(1, 1, 9, 9))]
    with pytest.raises(DataError, match=r"drawn on 999999x999999 pixels, but one\.png has 60x40"):
        check_data(labelme(tmp_path, *things, imageHeight=999999, imageWidth=999999))
    with pytest.raises(DataError, match="turned by 90 degrees"):
        check_data(labelme(tmp_path, *things, imageHeight=WIDTH, imageWidth=HEIGHT))


def test_stacks_have_no_place_for_annotations(tmp_path: Path) -> None:
    import tifffile

    labelme(tmp_path, shape("x", rectangle(1, 1, 9, 9)), imagePath="one.tif")
    (tmp_path / "one.png").unlink()
    stack = np.zeros((40, HEIGHT, WIDTH), np.uint8)
    tifffile.imwrite(tmp_path / "one.tif", stack, metadata={"axes": "ZYX"})
    with pytest.raises(DataError, match="save each slice alone"):
        check_data(tmp_path)


def test_the_brush_of_the_label_studio_editor() -> None:
    # The head of a real export (a 3332 x 2527 image): the number of values, 8 bits each, lengths of 3, 4, 8, 16 bits.
    head = bytes([2, 1, 233, 240, 57, 27])
    assert int.from_bytes(head[:4], "big") == 3332 * 2527 * 4
    with pytest.raises(DataError, match="damaged"):
        unpack_brush(head, 3332 * 2527 * 4, "x")
