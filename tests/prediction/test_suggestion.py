"""Which images to label: unlike what was seen, standing for many, in doubt, and no two of a kind."""

import numpy as np
import pytest

from handful.prediction.suggestion import choose_images, expected_dice


def groups(rng, *places, spread=0.1):
    """Rows of numbers in heaps: (place, how many) each."""
    return np.concatenate([place + spread * rng.normal(size=(count, 6)) for place, count in places])


def test_an_image_of_every_kind_not_seen_is_chosen_the_commonest_first():
    rng = np.random.default_rng(0)
    rows = groups(rng, (0, 10), (5, 20), (10, 10))
    chosen = choose_images(np.full(40, 0.3), rows, groups(rng, (0, 4)), 2, unlike=2.0)
    kinds = [0 if one.number < 10 else 1 if one.number < 30 else 2 for one in chosen]
    assert kinds == [1, 2]
    assert chosen[0].gain > chosen[1].gain > 0
    assert chosen[0].stands_for >= 20


def test_among_images_alike_doubt_decides():
    rng = np.random.default_rng(1)
    rows = groups(rng, (5, 10), (-5, 10))
    doubts = np.repeat([0.05, 0.6], 10)
    assert choose_images(doubts, rows, groups(rng, (0, 3)), 1, unlike=2.0)[0].number >= 10


def test_one_oddity_is_not_worth_a_crowd():
    rng = np.random.default_rng(2)
    rows = groups(rng, (4, 30), (1000, 1))
    assert choose_images(np.full(31, 0.5), rows, groups(rng, (0, 3)), 1, unlike=2.0)[0].number < 30


def test_copies_are_chosen_once_and_what_is_known_never():
    rows = np.zeros((5, 4))
    assert len(choose_images(np.full(5, 0.5), rows, np.zeros((0, 4)), 5, unlike=1.0)) == 1
    assert choose_images(np.full(5, 0.5), rows, np.zeros((1, 4)), 5, unlike=1.0) == []
    assert choose_images(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4)), 5, unlike=1.0) == []


@pytest.mark.parametrize("seed", range(20))
def test_greedy_is_never_far_from_the_best_pair(seed):
    """By trying every pair: greedy reaches 1 - 1/e of the best at least (Nemhauser et al. 1978)."""
    rng = np.random.default_rng(seed)
    rows, doubts = rng.normal(size=(9, 3)), rng.random(9)
    labelled = rng.normal(size=(2, 3))
    apart = np.sqrt(((rows[:, None] - rows) ** 2).mean(axis=2))
    start = np.minimum(8.0, np.sqrt(((rows[:, None] - labelled) ** 2).mean(axis=2)).min(axis=1))

    def worth(numbers):
        return float((doubts + 0.1) @ (start - np.minimum(start, apart[:, list(numbers)].min(axis=1))))

    chosen = [one.number for one in choose_images(doubts, rows, labelled, 2, unlike=2.0)]
    best = max(worth((one, two)) for one in range(9) for two in range(one))
    assert worth(chosen) >= (1 - 1 / np.e) * best


def test_the_expected_dice_is_right_for_honest_chances():
    rng = np.random.default_rng(0)
    chances = np.float32(rng.beta(0.3, 0.6, size=(300, 300)))
    mask = np.uint8(chances > 0.5)
    truth = rng.random(chances.shape) < chances
    real = 2 * (truth & (mask == 1)).sum() / (truth.sum() + mask.sum())
    assert expected_dice(np.stack([1 - chances, chances]), mask, (1,)) == pytest.approx(real, abs=0.01)
    nothing = np.zeros((2, 4, 4), np.float32)
    assert expected_dice(nothing, np.zeros((4, 4), np.uint8), (1,)) == 1.0
