"""All scores together: what is averaged over what, what is left out, and what is said."""

import json
import subprocess
import sys

import numpy as np
import pytest

from handful.errors import DataError
from handful.measure import Scorer, Scores, score_images

# Four pixels each: Dice 1, 2/3, 0 and nothing to score.
TRUE = [np.array([[0, 0, 1, 1]]), np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0, 1]]), np.array([[0, 0, 0, 0]])]
PREDICTED = [np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0, 1]]), np.array([[1, 0, 0, 0]]), np.array([[0, 0, 0, 0]])]
NAMES = ["right", "half", "wrong", "empty"]
TWO = ["background", "leaf"]


def blobs(n, seed=0, size=32):
    """True masks, predictions with some pixels wrong, and images with bright objects."""
    rng = np.random.default_rng(seed)
    true = [np.zeros((size, size), np.uint8) for _ in range(n)]
    for mask in true:
        row, column = rng.integers(4, size - 12, 2)
        mask[row : row + 8, column : column + 8] = 1
    predicted = [np.where(rng.random(mask.shape) < 0.01, 1 - mask, mask) for mask in true]
    images = [(mask * 90 + rng.integers(0, 100, mask.shape)).astype(np.uint8) for mask in true]
    return true, predicted, images


def test_scores_on_a_drawing():
    scores = score_images(NAMES, TRUE, PREDICTED, classes=TWO)
    per_image = scores["dice_per_image"]
    assert per_image.value == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert (per_image.n, per_image.left_out) == (3, 1)
    assert "Dice per image" in str(scores)
    assert "ImageScore" not in str(scores)
    assert scores["dice_pooled"].value == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))
    assert scores["iou_pooled"].value == pytest.approx(3 / 6)
    assert scores["precision_pooled"].value == pytest.approx(3 / 4)
    assert scores["recall_pooled"].value == pytest.approx(3 / 5)
    assert scores["accuracy"].value == pytest.approx(13 / 16)
    assert [image.dice for image in scores.images] == pytest.approx([1, 2 / 3, 0, np.nan], nan_ok=True)
    assert [image.name for image in scores.worst()] == ["wrong", "half", "right", "empty"]
    assert scores.confusion == ((10, 1, 0), (2, 3, 0))
    assert "1 image left out" in scores.note


def test_background_can_be_the_bright_class():
    """The thin dark class is the object: its Dice, not that of the bright one."""
    turned = score_images(NAMES, [1 - m for m in TRUE], [1 - m for m in PREDICTED], classes=TWO[::-1], background=1)
    assert turned["dice_per_image"] == score_images(NAMES, TRUE, PREDICTED, classes=TWO)["dice_per_image"]
    assert turned.trivial["all foreground"].how == 'every pixel is called "leaf"'


def test_several_classes_are_averaged_without_the_background_and_without_absent_ones():
    true = np.array([[0, 0, 1, 1, 2, 2]])
    predicted = np.array([[0, 1, 1, 1, 0, 2]])
    only_one = np.array([[0, 0, 1, 1, 1, 1]])
    scores = score_images("ab", [true, only_one], [predicted, only_one], classes=["soil", "leaf", "stem", "root"])
    assert scores.images[0].dice == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert scores.images[1].dice == 1
    assert scores["dice_pooled"].value == pytest.approx((12 / 13 + 2 / 3) / 2)
    assert set(scores.classes) == {"leaf", "stem", "root"}
    assert scores.classes["stem"]["dice_per_image"].n == 1
    assert np.isnan(scores.classes["root"]["dice_pooled"].value)
    assert scores.classes["root"]["dice_pooled"].left_out == 2
    with_all = score_images("ab", [true, only_one], [predicted, only_one], classes=list("abcd"), background=None)
    assert set(with_all.classes) == set("abcd")


def test_trivial_answers_are_scored_on_the_same_images():
    true, predicted, images = blobs(6)
    scores = score_images("abcdef", true, predicted, classes=TWO, images=images, objects_bright=True)
    assert list(scores.trivial) == ["all background", "all foreground", "otsu"]
    assert scores.trivial["all background"]["dice_per_image"] == 0
    assert scores.trivial["all background"]["accuracy"] == pytest.approx(1 - 64 / 1024)
    assert scores.trivial["all foreground"]["dice_pooled"] == pytest.approx(2 * 64 / (64 + 1024))
    gain = scores.trivial["all foreground"].gain
    assert gain.value == pytest.approx(scores["dice_per_image"].value - 2 * 64 / (64 + 1024))
    assert gain.low > 0
    assert scores.best_trivial()[0] == "otsu"
    assert scores.comparison().startswith("That is better than the best trivial answer (Otsu's threshold), which")


@pytest.mark.parametrize("background", [0, 1])
@pytest.mark.parametrize("bright", [False, True])
def test_otsu_takes_the_better_side_and_says_so(background, bright):
    true, predicted, images = blobs(4)
    images = [image if bright else 255 - image for image in images]
    if background == 1:
        true, predicted = [1 - mask for mask in true], [1 - mask for mask in predicted]
    scores = score_images("abcd", true, predicted, classes=TWO, background=background, images=images)
    assert scores.trivial["otsu"]["dice_per_image"] > 0.2
    assert f"objects {'bright' if bright else 'dark'}" in scores.trivial["otsu"].how
    assert "flatters" in scores.note


def test_many_classes_are_compared_with_the_most_common_one():
    true = np.array([[0, 0, 0, 0, 1, 2, 2, 3]])
    scores = score_images("a", [true], [true], classes=list("wxyz"), images=[true.astype(np.uint8)])
    assert list(scores.trivial) == ["all w", "all y"]
    assert scores.trivial["all y"]["dice_per_image"] == pytest.approx((2 * 2 / (2 * 2 + 6)) / 3)
    assert list(score_images("a", [true], [true], classes=list("wxyz"), background=None).trivial) == ["all w"]


def test_a_model_worse_than_trivial_is_told_so():
    true, _, _ = blobs(8)
    wrong = [np.roll(mask, 16, axis=0) for mask in true]
    assert "not worth using" in score_images("abcdefgh", true, wrong, classes=TWO).comparison()


def test_few_images_are_too_few_to_tell():
    true, predicted, _ = blobs(2)
    one = score_images("a", true[:1], predicted[:1], classes=TWO)
    assert np.isnan(one["dice_per_image"].low)
    for scores in (one, score_images("ab", true, predicted, classes=TWO)):
        assert "too few to tell" in scores.reached()
        assert "too few to tell" in scores.comparison()
    true, predicted, _ = blobs(3)
    assert "too few" not in score_images("abc", true, predicted, classes=TWO).reached("unseen")


@pytest.mark.parametrize(
    "true", [[], [np.zeros((3, 3), np.uint8)], [np.full((3, 3), 255, np.uint8)] * 3, [np.zeros((0, 3), np.uint8)]]
)
def test_nothing_to_score_is_said(true):
    predicted = [np.zeros_like(mask) for mask in true]
    images = [np.zeros(mask.shape, np.uint8) for mask in true]
    scores = score_images(map(str, range(len(true))), true, predicted, classes=TWO, images=images)
    assert np.isnan(scores["dice_per_image"].value)
    assert scores["dice_per_image"].left_out == len(true)
    assert scores.reached().startswith("No image" if not true else "There is nothing to score")
    assert json.loads(json.dumps(scores.to_dict(), allow_nan=False))["scores"]["dice_per_image"]["value"] is None
    assert scores.lines()


def test_object_scores():
    labels = np.array([[1, 1, 0, 2, 2]])
    found = np.array([[1, 1, 0, 0, 0]])
    scores = score_images(
        "a",
        [(labels > 0).astype(np.uint8)],
        [(found > 0).astype(np.uint8)],
        classes=TWO,
        true_labels=[labels],
        predicted_labels=[found],
    )
    assert scores["ap_per_image"].value == pytest.approx(1 / 2)
    assert scores["f1_pooled"].value == scores["pq_pooled"].value == pytest.approx(2 / 3)
    assert scores["sq_pooled"].value == 1
    assert scores["count_error_per_image"].value == 1
    assert (scores.images[0].true_objects, scores.images[0].predicted_objects) == (2, 1)
    with pytest.raises(DataError, match="both the true and the predicted"):
        Scorer(TWO).add("a", labels > 0, labels > 0, true_labels=labels)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_scores_survive_json(n):
    true, predicted, images = blobs(n)
    labels = [mask.astype(np.int32) for mask in true]
    scores = score_images(
        map(str, range(n)), true, predicted, classes=TWO, images=images, true_labels=labels, predicted_labels=labels
    )
    record = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert Scores.from_dict(record).to_dict() == record
    assert Scores.from_dict(record).lines() == scores.lines()
    assert record["headline"] == "dice_per_image"
    assert set(record["scores"]["dice_per_image"]) == {"value", "low", "high", "n", "left_out"}


def test_terminal_lines_line_up():
    true, predicted, images = blobs(5)
    lines = score_images("abcde", true, predicted, classes=TWO, images=images).lines()
    assert lines[0].startswith("Dice per image is")
    table = lines[lines.index("") + 1 :]
    assert len({len(line) for line in table}) == 1
    assert "95 % interval" in table[0]
    assert table[1].startswith("Dice per image")


def test_images_are_taken_one_at_a_time():
    """Generators in step: no mask is asked for before the last one is counted."""
    asked = []

    def stream(kind):
        for number in range(3):
            asked.append((number, kind))
            yield np.ones((2, 2), np.uint8)

    score_images("abc", stream("true"), stream("predicted"), classes=TWO)
    assert asked == sorted(asked, key=lambda entry: entry[0])


def test_streams_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        score_images("ab", TRUE[:1], PREDICTED[:2], classes=TWO)


def test_wrong_sizes_and_background_are_refused():
    with pytest.raises(DataError, match=r"a\.png: the predicted mask is 1x2"):
        score_images(["a.png"], [np.zeros((2, 2), np.uint8)], [np.zeros((1, 2), np.uint8)], classes=TWO)
    with pytest.raises(DataError, match=r"a\.png: the image is"):
        Scorer(TWO).add("a.png", np.zeros((2, 2), int), np.zeros((2, 2), int), image=np.zeros((3, 2)))
    with pytest.raises(DataError, match="background"):
        Scorer(TWO, background=2)
    with pytest.raises(DataError, match="no class to score"):
        Scorer(["background"])


def test_add_returns_the_dice_of_that_image():
    scorer = Scorer(TWO)
    dice = [scorer.add(*row) for row in zip(NAMES, TRUE, PREDICTED, strict=True)]
    assert dice == pytest.approx([image.dice for image in scorer.finish().images], nan_ok=True)


def test_measuring_loads_no_torch():
    heavy = ("torch", "scipy", "skimage", "matplotlib")
    code = f"import sys, handful.measure, handful.report; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
