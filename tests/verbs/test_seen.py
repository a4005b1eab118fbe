"""A score on images that the model has seen, or on copies of them, is not called a test score."""

import json

import numpy as np
import pytest
from PIL import Image

import handful
from discs import draw_discs, write_discs
from handful.cli import main
from handful.measure.scores import Scores
from handful.report.verdict import standing

FLAGS = ("--steps", "2", "--device", "cpu", "--set", "patch=[32,32]")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("seen")
    folder = write_discs(root / "discs", 6)
    assert main(["train", str(folder), "-o", str(root / "run"), *FLAGS, "--test-fraction", "0"]) == 0
    return root / "run"


def write_copies(folder):
    """Two images never seen, two copies of images trained on: one a darker JPEG, one mirrored."""
    write_discs(folder, 2, first_seed=50)
    for number in (0, 1):
        image, mask = (Image.fromarray(one) for one in draw_discs(number))
        if number:
            image, mask = (one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for one in (image, mask))
        else:
            image = image.point(lambda value: int(0.8 * value))
        image.save(folder / "images" / f"copy_{number}.jpg", quality=60)
        mask.save(folder / "masks" / f"copy_{number}.png")
    return folder


def test_evaluate_finds_copies(run, tmp_path, capsys):
    folder = write_copies(tmp_path / "mixed")
    assert main(["evaluate", str(run), str(folder), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "copy_0 is nearly the same picture as disc_0" in said.err
    assert "copy_1 is nearly the same picture as disc_1" in said.err
    assert "On the other 2 Dice per image is" in said.err
    assert "the model has seen 2 of them, so this is not a test score." in said.out
    record = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert sorted(record["seen"]) == ["copy_0", "copy_1"]
    assert standing(Scores.from_dict(record)) == ("bad", "Not a test score")
    assert "Not a test score" in (tmp_path / "out" / "report.html").read_text()


def test_images_never_seen_are_not_accused(run, tmp_path, capsys):
    scores = handful.evaluate(run, write_discs(tmp_path / "new", 6, first_seed=80))
    assert scores.seen == ()
    assert "not a test score" not in scores.reached()


def test_train_says_so_of_a_test_set_with_copies(tmp_path, capsys):
    train = write_discs(tmp_path / "train", 4)
    test = write_copies(tmp_path / "test")
    assert main(["train", str(train), "--test", str(test), "-o", str(tmp_path / "run"), *FLAGS]) == 0
    said = capsys.readouterr()
    assert "careful  Not a test score: of these 4 images the model has seen 2" in said.err
    assert "not a test score" in said.out
    assert handful.load(tmp_path / "run").scores.seen


def test_a_strip_of_the_only_image_is_its_own_test(tmp_path, capsys):
    train = write_discs(tmp_path / "one", 0)
    image, mask = draw_discs(3, side=128)
    Image.fromarray(image).save(train / "images" / "a.png")
    Image.fromarray(np.uint8(mask)).save(train / "masks" / "a.png")
    assert main(["train", str(train), "-o", str(tmp_path / "run"), *FLAGS]) == 0
    assert "not a test score" not in capsys.readouterr().out


def test_images_that_chose_the_model_are_no_test(tmp_path, capsys):
    folder = write_discs(tmp_path / "discs", 16)
    assert main(["train", str(folder), "-o", str(tmp_path / "run"), *FLAGS]) == 0
    capsys.readouterr()
    scores = handful.evaluate(tmp_path / "run", folder)
    card = handful.load(tmp_path / "run").card
    assert card.training["validated"]
    assert set(scores.seen) == set(card.training["images"]) | set(card.training["validated"])
