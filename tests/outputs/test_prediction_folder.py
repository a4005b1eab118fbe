"""A prediction folder, read back: every output gives the same pixels."""

import csv
import io
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from handful.errors import OutputError, SettingsError
from handful.modelfile import ModelCard
from handful.outputs import SAVED, OutputFolder, planned_files, write_index, write_prediction
from handful.outputs.instances import instances_tiff
from handful.outputs.table import measure_objects, table_csv
from handful.prediction.segmenter import Prediction, mask_of


def make_card(classes=("background", "leaf"), **changes):
    values = {"net": "none", "channels": 1, "outputs": len(classes), "normalisation": {"kind": "image"}}
    return ModelCard(classes=classes, **(values | changes))


def make_prediction(card, name="one"):
    """Class 1 in a disc and class k in squares along the right edge."""
    rows, columns = np.indices((40, 50))
    mask = (np.hypot(rows - 15, columns - 15) < 10).astype(np.uint8)
    for number in range(1, len(card.classes)):
        mask[30:38, 6 * number : 6 * number + 5] = number
    probabilities = np.full((len(card.classes), 40, 50), 0.1 / max(1, len(card.classes) - 1), np.float32)
    np.put_along_axis(probabilities, mask[None].astype(np.int64), 0.9, axis=0)
    image = (rows * 6).astype(np.uint8)[:, :, None]
    return Prediction(name, mask_of(probabilities, card), probabilities, image, card, ("a little dark",))


@pytest.mark.parametrize("classes", [("background", "leaf"), ("background", "leaf", "stem", "root")])
def test_everything_comes_back_as_it_was(tmp_path, classes):
    card = make_card(classes)
    prediction = make_prediction(card)
    folder = OutputFolder(tmp_path)
    written = write_prediction(folder, "one", prediction.image, prediction, card, SAVED)
    write_index(folder, [written], card, SAVED)
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*")) == sorted(
        planned_files(["one"], SAVED)
    )

    scale = 255 if len(classes) == 2 else 1
    assert np.array_equal(np.asarray(Image.open(tmp_path / "masks/one.png")), prediction.mask * scale)
    pages = prediction.probabilities[1] if len(classes) == 2 else prediction.probabilities
    assert np.array_equal(tifffile.imread(tmp_path / "probability/one.tif"), pages)
    labels = tifffile.imread(tmp_path / "instances/one.tif")
    assert labels.dtype == np.uint16
    assert np.array_equal(labels, prediction.labels)
    assert np.asarray(Image.open(tmp_path / "overlays/one.png")).shape == (40, 50, 3)
    assert np.asarray(Image.open(tmp_path / "boundaries/one.png")).any()

    features = json.loads((tmp_path / "contours/one.geojson").read_bytes())["features"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "objects.csv").read_text(encoding="utf-8"))))
    assert len(features) == len(rows) == labels.max() == len(classes)
    for row, feature in zip(rows, features, strict=True):
        assert int(row["area"]) == np.count_nonzero(labels == int(row["object"]))
        assert row["class"] == feature["properties"]["classification"]["name"]
        assert float(row["confidence"]) == pytest.approx(0.9)

    index = json.loads((tmp_path / "predictions.json").read_bytes())
    (entry,) = index["images"]
    assert (entry["height"], entry["width"], entry["channels"], entry["objects"]) == (40, 50, 1, len(classes))
    assert entry["class_shares"]["leaf"] == pytest.approx((prediction.mask == 1).mean(), abs=1e-6)
    assert entry["messages"] == ["a little dark"]
    assert all((tmp_path / file).is_file() for file in entry["files"].values())


def test_the_same_prediction_gives_the_same_bytes(tmp_path):
    card = make_card()
    for name in ("a", "b"):
        prediction = make_prediction(card)
        folder = OutputFolder(tmp_path / name)
        write_index(folder, [write_prediction(folder, "x", prediction.image, prediction, card, SAVED)], card, SAVED)
    for file in planned_files(["x"], SAVED):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_only_what_is_asked_for_is_written_and_nothing_is_replaced(tmp_path):
    card = make_card()
    prediction = make_prediction(card)
    write_prediction(OutputFolder(tmp_path), "one", prediction.image, prediction, card, {"mask"})
    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*")] == ["masks/one.png"]
    assert "objects" not in vars(prediction)  # nobody asked for objects: none were separated
    with pytest.raises(OutputError, match="already there"):
        write_prediction(OutputFolder(tmp_path), "one", prediction.image, prediction, card, {"mask"})


def test_an_unknown_output_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="Did you mean contours"):
        write_prediction(OutputFolder(tmp_path), "one", None, None, make_card(), {"contour"})


def test_many_objects_need_32_bits():
    stream = io.BytesIO()
    labels = np.arange(70_000, dtype=np.int32).reshape(200, 350)
    instances_tiff(labels)(stream)
    stream.seek(0)
    read = tifffile.imread(stream)
    assert read.dtype == np.uint32
    assert np.array_equal(read, labels)


def test_measurements_of_a_drawn_rectangle():
    labels = np.zeros((20, 30), np.int32)
    labels[4:8, 10:20] = 1
    image = np.dstack([labels * 7, labels * 9]).astype(np.uint16)
    (row,) = measure_objects("img", labels, image, [1], [0.75], ("background", "leaf"))
    assert row["area"] == 40
    assert (row["centroid_x"], row["centroid_y"]) == (15, 6)
    assert (row["mean_intensity_1"], row["mean_intensity_2"]) == (7, 9)
    assert row["solidity"] == 1
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - (4**2 - 1) / (10**2 - 1)), abs=0.01)
    assert row["confidence"] == 0.75


def test_objects_of_one_pixel_and_of_one_line_can_be_measured():
    labels = np.zeros((9, 9), np.int32)
    labels[0, 0], labels[4, 2:7] = 1, 2
    rows = measure_objects("img", labels, labels[:, :, None], [1, 1], [1, 1], ("background", "leaf"))
    assert [row["solidity"] for row in rows] == [1, 1]


def test_a_table_without_objects_has_a_header():
    assert table_csv([]).decode().startswith("image,object,class,area,centroid_x")
