"""The curve that scores follow as images are added: found again where it is known, careful where it is not."""

import numpy as np
import pytest

from handful.measure.saturation import Saturation, fit_saturation, gain_of_more, gain_sentence

SIZES = (1, 2, 4, 8, 16)


@pytest.mark.parametrize("limit", [0.7, 0.9, 1.0])
@pytest.mark.parametrize("exponent", [0.3, 0.7, 1.5])
def test_a_curve_without_noise_is_found_again(limit, exponent):
    truth = Saturation(limit, 0.4, exponent)
    found = fit_saturation(SIZES, truth.at(np.array(SIZES)))
    assert found.at(np.array([1, 3, 16, 21, 32])) == pytest.approx(truth.at(np.array([1, 3, 16, 21, 32])), abs=0.005)


def test_no_curve_goes_above_one_or_falls():
    rng = np.random.default_rng(0)
    for _ in range(100):
        found = fit_saturation(SIZES, rng.random(5))
        along = found.at(np.arange(1, 200))
        assert found.limit <= 1
        assert (np.diff(along) >= -1e-12).all()
        assert along.max() <= 1


def test_falling_scores_give_a_flat_curve_and_words_for_it():
    found = fit_saturation(SIZES, np.linspace(0.9, 0.5, 5))
    assert found.fall == 0
    assert found.at(100) == pytest.approx(np.average(np.linspace(0.9, 0.5, 5), weights=SIZES))
    table = np.repeat(np.linspace(0.9, 0.5, 5)[:, None], 6, axis=1)
    assert "did not rise" in gain_sentence(gain_of_more(SIZES, table, 5, now=16), 5, 16)


def test_sizes_without_a_score_are_left_out_and_two_sizes_are_too_few():
    scores = Saturation(0.9, 0.5, 0.5).at(np.array(SIZES))
    holed = np.where(np.array(SIZES) == 4, np.nan, scores)
    assert fit_saturation(SIZES, holed).at(4) == pytest.approx(scores[2], abs=0.005)
    assert fit_saturation(SIZES[:2], scores[:2]) is None
    table = np.repeat(scores[:2, None], 4, axis=1)
    assert "too few" in gain_sentence(gain_of_more(SIZES[:2], table, 5, now=2), 5, 2)


@pytest.mark.parametrize(
    "truth",
    [Saturation(0.92, 0.5, 0.6).at, Saturation(0.8, 0.4, 1.2).at, lambda n: 0.4 + 0.025 * np.log2(n)],
    ids=["power", "steep", "logarithm"],
)
def test_the_gain_holds_the_truth(truth):
    rng = np.random.default_rng(1)
    real = float(truth(21) - truth(16))
    inside = 0
    for seed in range(60):
        images = rng.normal(0, 0.08, 12)  # some images are harder at every size
        drawn = rng.normal(0, 0.06, 5) / np.sqrt(SIZES)  # which training images there were
        table = (truth(np.array(SIZES)) + drawn)[:, None] + images + rng.normal(0, 0.02, (5, 12))
        found = gain_of_more(SIZES, table, 5, now=16, seed=seed)
        inside += found.low <= real <= found.high
    assert inside / 60 > 0.9


def test_the_sentence_says_how_many_and_how_sure():
    table = Saturation(0.95, 0.6, 0.5).at(np.array(SIZES))[:, None] + np.linspace(-0.05, 0.05, 7)
    text = gain_sentence(gain_of_more(SIZES, table, 5, now=16), 5, 16)
    assert text.startswith("Five more images should add about 0.0")
    assert "95 % interval" in text
    flat = np.tile(np.linspace(0.85, 0.95, 7), (5, 1)) + np.array([0, 0.03, 0.0301, 0.0302, 0.0303])[:, None]
    assert "hardly help" in gain_sentence(gain_of_more(SIZES, flat, 5, now=16), 5, 16)


def test_how_far_the_means_lie_from_the_curve_widens_the_interval():
    spread = np.linspace(-0.1, 0.1, 16)
    table = np.array([0.377, 0.714, 0.727, 0.715])[:, None] + spread  # 18 s a training on nuclei; more do help
    found = gain_of_more((1, 2, 4, 8), table, 5, now=8)
    assert found.high - found.low > 0.005  # .001 while only the images scored were taken for chance
