"""Boundaries that several people drew, from files to ODS, OIS and AP."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from handful.data.check import check_data
from handful.measure.boundaries import count_boundaries, optimal_dataset_scale
from handful.measure.boundary_scores import BoundaryScorer
from handful.measure.scores import Scores
from handful.verbs.evaluate import evaluate

SIZE = (60, 80)


def write_drawn(folder, drawings):
    """A folder as BSDS500 has it: images/NAME.jpg and groundTruth/NAME.mat with the boundaries of several people."""
    for name, people in drawings.items():
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / "groundTruth").mkdir(exist_ok=True)
        picture = np.full((*SIZE, 3), 60, np.uint8)
        picture[:, np.flatnonzero(people[0].any(axis=0))[0] :] = 200
        Image.fromarray(picture).save(folder / "images" / f"{name}.jpg")
        cells = np.empty((1, len(people)), object)
        for number, lines in enumerate(people):
            cells[0, number] = {"Segmentation": lines.astype(np.uint16) + 1, "Boundaries": lines.astype(np.uint8)}
        savemat(folder / "groundTruth" / f"{name}.mat", {"groundTruth": cells})
    return folder


def line(column):
    lines = np.zeros(SIZE, bool)
    lines[:, column] = True
    return lines


@pytest.fixture
def data(tmp_path):
    """Two people who drew different lines on each of four images."""
    return write_drawn(tmp_path / "data", {f"p{k}": (line(20 + k), line(60)) for k in range(4)})


def test_every_person_counts(data, tmp_path):
    """Of two people's lines one is found: recall 1/2 and precision 1, which a union of drawings would give too; but
    with a third line where the first is, recall is 2/3, which a union would not see."""
    predicted = tmp_path / "predicted"
    predicted.mkdir()
    for k in range(4):
        Image.fromarray(line(20 + k).astype(np.uint8) * 200).save(predicted / f"p{k}.png")
    scores = evaluate(predicted=predicted, data=data)
    assert scores.headline == "ods"
    assert scores["ods"].value == pytest.approx(2 / 3)
    assert scores["ois"].value == pytest.approx(2 / 3)
    assert scores["boundary_ap"].value == pytest.approx(0.01)  # one single recall is reached
    three = write_drawn(tmp_path / "three", {f"p{k}": (line(20 + k), line(60), line(20 + k)) for k in range(4)})
    assert evaluate(predicted=predicted, data=three)["ods"].value == pytest.approx(2 * (2 / 3) / (1 + 2 / 3))


def test_detectors_stand_beside_and_scores_survive_the_file(data, tmp_path):
    predicted = tmp_path / "predicted" / "boundaries"
    predicted.mkdir(parents=True)
    for k in range(4):
        Image.fromarray(line(70).astype(np.uint8) * 255).save(predicted / f"p{k}.png")
    out = tmp_path / "out"
    scores = evaluate(predicted=predicted.parent, data=data, out=out)
    assert scores["ods"].value == 0
    assert scores.trivial["canny"]["ods"] > 0.4  # one of two lines
    assert scores.trivial["sobel"]["ods"] > 0.4  # one of two lines
    assert scores.trivial["canny"].gain.value == -scores.trivial["canny"]["ods"]
    record = json.loads((out / "scores.json").read_text())
    assert Scores.from_dict(record).to_dict() == record
    page = (out / "report.html").read_text()
    assert "ODS" in page
    assert "Canny" in page


def test_a_thick_answer_is_thinned_first(data, tmp_path):
    predicted = tmp_path / "predicted"
    predicted.mkdir()
    for k in range(4):
        soft = np.maximum.reduce([line(20 + k + d) * (1 - abs(d) / 4) for d in range(-3, 4)])
        Image.fromarray((soft * 255).astype(np.uint8)).save(predicted / f"p{k}.png")
    assert evaluate(predicted=predicted, data=data)["ods"].value == pytest.approx(2 / 3)


def test_a_net_is_scored_on_every_persons_boundaries(data, tmp_path):
    """What score_regions reports is what the measure says of the prediction's own boundaries."""
    from handful.data.maskfile import read_annotators
    from handful.verbs.train import train

    model = train(data, out=tmp_path / "run", steps=3, settings={"net_settings": {"width": 4}, "patch": 32})
    assert model.card.task == "boundaries"
    scores = evaluate(tmp_path / "run", data)
    audit = check_data(data)
    rows = []
    for pair in audit.pairs:
        boundaries = model.predict(pair.image).boundaries
        rows.append(count_boundaries(read_annotators(pair.masks[0].path), boundaries).row())
    assert scores["ods"].value == pytest.approx(float(optimal_dataset_scale(np.sum(rows, axis=0))))
    assert set(scores.trivial) >= {"canny", "sobel"}


def test_lines_drawn_as_masks_are_their_own_target(tmp_path):
    """A class called boundary is drawn, not the edge of a region: no second line beside it."""
    from handful.data.sample import read_samples
    from handful.data.split import Region
    from handful.training.prepare import make_target

    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for k in range(3):
        Image.fromarray(np.random.default_rng(k).integers(0, 255, SIZE, np.uint8)).save(
            tmp_path / "images" / f"{k}.png"
        )
        Image.fromarray(line(20 + k).astype(np.uint8) * 255).save(tmp_path / "masks" / f"{k}.png")
    audit = check_data(tmp_path, values="0=background,255=boundary")
    (sample,) = read_samples(audit, [Region("0", (0, SIZE[0]), (0, SIZE[1]))])
    assert (make_target(sample, "boundaries", audit.reading) == line(20)).all()
    other = check_data(tmp_path, values="0=background,255=wire")
    assert make_target(sample, "boundaries", other.reading).sum() > 2 * SIZE[0]


def test_no_image_no_boundary_scores():
    plain = Scores({}, {}, {}, (), ("background", "boundary"), 0, ())
    assert BoundaryScorer().add_to(plain) is plain
