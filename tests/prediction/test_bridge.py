"""Gaps in lines are bridged where something of the line is left, the same in windows as in the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from handful.measure.rand import label_regions, score_grouping
from handful.modelfile import ModelCard
from handful.prediction.bridge import GENERAL, REACH, bridge_gaps, fit_bridge
from handful.prediction.large import LargePrediction
from handful.prediction.parting import scale_odds
from handful.prediction.segmenter import mask_of
from walls import walls


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_cells_parted_at_the_lower_threshold_are_parted_and_the_mask_grows_by_thin_lines(rng):
    truth, probability = walls(rng)
    above = probability > 0.5
    bridged = bridge_gaps(above, probability, 0.15)
    assert (bridged >= above).all()
    assert (probability[bridged & ~above] >= 0.15).all()
    joined, parted = (
        score_grouping(label_regions(truth == 0), label_regions(~one)).rand_merge for one in (above, bridged)
    )
    assert joined < 0.9
    assert parted > 0.995
    added = bridged & ~above
    assert not ndimage.binary_erosion(added, np.ones((3, 3))).any()
    assert 0 < added.sum() < (probability >= 0.15).sum() - above.sum()


def test_what_is_thick_is_no_line():
    haze = np.zeros((96, 96), np.float32)
    haze[20:70, 20:70] = 0.3
    nothing = np.zeros((96, 96), bool)
    assert bridge_gaps(nothing, haze, 0.2).sum() < 0.02 * haze.size


def test_a_line_that_leaves_the_image_reaches_its_edge():
    probability = np.zeros((40, 60), np.float32)
    probability[18:23] = 0.3
    bridged = bridge_gaps(np.zeros((40, 60), bool), probability, 0.2)
    assert label_regions(~bridged).max() == 2


@given(st.integers(0, 2**31), st.integers(1, 80), st.integers(1, 80))
@settings(max_examples=25, deadline=None)
def test_windows_say_what_the_whole_says(seed, height, width):
    """By the law that a pixel rests on those within REACH."""
    rng = np.random.default_rng(seed)
    probability = ndimage.gaussian_filter(rng.normal(0.4, 1.2, (height, width)), 2).clip(0, 1).astype(np.float32)
    card = ModelCard(
        net="quick",
        channels=1,
        classes=("background", "wall"),
        outputs=2,
        normalisation={"kind": "image"},
        threshold=0.5,
        bridge=0.3,
    )

    class Held:
        shape = height, width

        def read(self, rows, columns):
            return probability[None, slice(*rows), slice(*columns)]

    whole = mask_of(np.stack([1 - probability, probability]), card)
    large = LargePrediction((height, width), Held(), card)
    top, left = int(rng.integers(height)), int(rng.integers(width))
    bottom, right = int(rng.integers(top, height)) + 1, int(rng.integers(left, width)) + 1
    mask, probabilities, _ = large.look((top, bottom), (left, right))
    np.testing.assert_array_equal(mask, whole[top:bottom, left:right])
    assert probabilities.shape == (2, *mask.shape)


def test_lines_may_be_the_first_class(rng):
    """Whatever number the lines' class has, the same pixels are bridged."""
    _, probability = walls(rng)
    about = {"net": "quick", "channels": 1, "outputs": 2, "normalisation": {"kind": "image"}, "bridge": 0.15}
    last = ModelCard(classes=("cell", "wall"), background=0, threshold=0.6, **about)
    first = ModelCard(classes=("wall", "cell"), background=1, threshold=0.4, **about)
    stack = np.stack([1 - probability, probability])
    np.testing.assert_array_equal(mask_of(stack, last), 1 - mask_of(stack[::-1], first))


def test_odds_are_scaled():
    assert scale_odds(0.5, 1 / 4) == pytest.approx(0.2)
    assert scale_odds(0.8, 1 / 4) == pytest.approx(0.5)


def test_the_threshold_is_that_of_images_held_back(rng):
    """Walls whose gaps lie at .3 need one below, and one that hazes cells over is refused for none."""
    general = scale_odds(0.5, GENERAL)
    least, words = fit_bridge([walls(rng, gap=0.6)[::-1]], 1, 0.5)
    assert least == general
    assert "2 are needed" in words
    weak = [walls(rng, gap=0.14)[::-1] for _ in range(4)]
    least, words = fit_bridge(weak, 1, 0.5)
    assert least == scale_odds(0.5, 1 / 9)
    assert "4 images held back" in words
    dotted = []
    for _ in range(4):
        truth, _ = walls(rng)
        stripes = np.zeros(truth.shape, np.float32)
        stripes[::6] = 0.48  # of no wall, and above every lower threshold
        dotted.append((np.maximum(0.95 * truth, stripes).astype(np.float32), truth))
    least, words = fit_bridge(dotted, 1, 0.5)
    assert least is None
    assert "do not help" in words
    assert fit_bridge(weak, 1, 0.5, until=0.0)[0] == general


def test_an_image_that_is_all_line_says_nothing():
    mask = np.ones((20, 20), np.uint8)
    mask[:5] = 255
    all_line = np.ones((20, 20), np.float32), mask
    least, words = fit_bridge([all_line, all_line, all_line], 1, 0.5)
    assert least == scale_odds(0.5, GENERAL)
    assert "0 images held back" in words


def test_reach_covers_the_rounds():
    """A pulse further away than REACH changes nothing, whatever is between."""
    probability = np.zeros((9, 3 * REACH), np.float32)
    probability[2:7] = 0.3
    other = probability.copy()
    other[:, 2 * REACH + 1 :] = 0.9
    empty = np.zeros(probability.shape, bool)
    one, two = (bridge_gaps(empty, p, 0.2)[:, :REACH] for p in (probability, other))
    np.testing.assert_array_equal(one, two)
