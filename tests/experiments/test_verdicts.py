"""The words follow from the numbers: who beats whom, on how much, and when nobody can tell."""

from __future__ import annotations

import pytest

from handful.experiments import Cell, Effect, Table
from handful.measure.bootstrap import Interval


def effect(value: float, low: float, high: float, n: int = 24, seeds: int = 5) -> str:
    return Effect("loss", "MSE", "Dice", Interval(value, low, high, n), seeds).sentence


def test_sentences() -> None:
    assert effect(0.03, 0.01, 0.05) == "Dice beats MSE by .03 [.01, .05] on 24 images, 5 seeds."
    assert effect(-0.03, -0.05, -0.01) == "MSE beats Dice by .03 [.01, .05] on 24 images, 5 seeds."
    assert effect(0.03, -0.02, 0.08).startswith("Too few images or seeds to tell Dice from MSE: +.03 [-.02, +.08]")
    assert "too few images to tell" in effect(0.03, 0.01, 0.05, n=2)
    assert "too few images to tell" in effect(0.03, float("nan"), float("nan"), n=1)
    assert effect(0.002, -0.003, 0.007).startswith("Dice and MSE do equally well")
    assert effect(0.004, 0.002, 0.007).endswith("on 24 images, 5 seeds: too little to matter.")
    assert effect(float("nan"), float("nan"), float("nan"), n=0).endswith("there is nothing to compare.")


def test_a_difference_is_told_of_the_one_that_is_ahead() -> None:
    loss = Effect("loss", "MSE", "Dice", Interval(-0.03, -0.05, -0.01, 24), 5)
    told = loss.from_ahead()
    assert (told.first, told.second) == ("Dice", "MSE")
    assert told.difference == Interval(0.03, 0.01, 0.05, 24)
    assert told.sentence == loss.sentence
    for unclear in (Interval(-0.03, -0.05, 0.01, 24), Interval(-0.03, -0.05, -0.01, 2), Interval(0.03, 0.01, 0.05, 24)):
        assert Effect("loss", "MSE", "Dice", unclear, 5).from_ahead().difference == unclear


def table(scores: dict[tuple[str, str, int], dict[str, float]]) -> Table:
    """By loss, augmentation and seed: the score of each image."""
    cells = [Cell({"loss": loss, "augment": augment}, {}, seed) for loss, augment, seed in scores]
    return Table(cells, dict(enumerate(scores.values())), {})


def test_only_the_axis_of_an_effect_differs() -> None:
    """Augmentation gives .3 and the loss .1, and each is found as that, whatever the other does."""
    made = table(
        {
            (loss, augment, seed): {
                f"image {image}": 0.1 * image + 0.1 * (loss == "dice") + 0.3 * (augment == "all") + 0.01 * seed
                for image in range(4)
            }
            for loss in ("mse", "dice")
            for augment in ("none", "all")
            for seed in (0, 1)
        }
    )
    found = {one.axis: one for one in made.effects()}
    assert found["loss"].difference.value == pytest.approx(0.1)
    assert found["augment"].difference.value == pytest.approx(0.3)
    assert found["loss"].difference.high - found["loss"].difference.low == pytest.approx(0)  # paired: images cancel
    assert {one.where for one in made.effects_apart()} == {
        "augment none", "augment all", "loss mse", "loss dice",
    }  # fmt: skip
    best = made.best()
    assert best is not None
    assert best.labels == {"loss": "dice", "augment": "all"}
    assert best.by_seed == pytest.approx({0: 0.55, 1: 0.56})
    assert best.median == pytest.approx(0.555)


def test_seeds_that_one_side_lacks_are_left_out() -> None:
    scores = {("mse", "none", seed): {"a": 0.5, "b": 0.6} for seed in (0, 1)}
    made = table(scores | {("dice", "none", 0): {"a": 0.6, "b": 0.7}})
    (found,) = made.effects()
    assert found.seeds == 1
    assert found.difference.value == pytest.approx(0.1)


def test_folds_of_a_seed_make_one_column() -> None:
    cells = [Cell({"net": net}, {}, 0, fold=fold) for net in ("a", "b") for fold in (0, 1)]
    images = {0: {"x": 0.5}, 1: {"y": 0.7}, 2: {"x": 0.6}, 3: {"y": 0.8}}
    (found,) = Table(cells, images, {}).effects()
    assert found.difference.value == pytest.approx(0.1)
    assert found.difference.n == 2
