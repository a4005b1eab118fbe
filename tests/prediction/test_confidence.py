"""Temperature and the curve for objects: they change how sure, never what; and they are kept only where they help."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handful.modelfile import ModelCard
from handful.prediction.confidence import (
    PULL,
    fit_objects,
    fit_temperature,
    mean_probability,
    object_confidence,
    temper,
    temper_threshold,
)
from handful.prediction.segmenter import Segmenter, mask_of

TEMPERATURES = (0.3, 0.9, 1.0, 1.7, 6.0)


def some_logits(classes, seed=0, size=(40, 50), spread=4.0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, spread, (classes, *size)).astype(np.float32))


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("classes", [2, 5])
def test_tempered_probabilities_are_the_softmax_of_logits_over_the_temperature(classes, temperature):
    logits = some_logits(classes)
    expected = (logits / temperature).softmax(0).numpy()
    np.testing.assert_allclose(temper(logits.softmax(0).numpy(), temperature), expected, atol=2e-5)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_most_probable_class_stays_and_probabilities_sum_to_one(temperature):
    probabilities = some_logits(4).softmax(0).numpy()
    tempered = temper(probabilities, temperature)
    np.testing.assert_array_equal(tempered.argmax(0), probabilities.argmax(0))
    np.testing.assert_allclose(tempered.sum(0), 1, atol=1e-5)


@given(st.floats(0.02, 0.98), st.floats(0.3, 8), st.floats(0.001, 0.999))
def test_a_threshold_turned_along_cuts_the_same_pixels(threshold, temperature, chance):
    if abs(chance - threshold) < 1e-4:  # float32 has no more to say
        return
    tempered = temper(np.array([1 - chance, chance], np.float32), temperature)[1]
    assert (tempered > temper_threshold(threshold, temperature)) == (chance > threshold)


def test_one_half_stays_one_half_and_no_temperature_changes_nothing():
    assert temper_threshold(0.5, 3.0) == 0.5
    assert temper_threshold(0.3, None) == 0.3
    probabilities = some_logits(3).softmax(0).numpy()
    assert temper(probabilities, None) is probabilities


def too_sure(seed, factor, images=4):
    """Answers that are right as often as softmax(logits) says, given as softmax(factor * logits)."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(images):
        logits = torch.from_numpy(rng.normal(0, 2, (3, 120, 120)).astype(np.float32))
        chances = logits.softmax(0).numpy()
        true = (rng.random(chances.shape[1:]) > chances.cumsum(0)[:-1, ...]).sum(0).astype(np.uint8)
        cases.append(((logits * factor).softmax(0).numpy(), true))
    return cases


@pytest.mark.parametrize("factor", [0.5, 2.0, 4.0])
def test_the_temperature_that_was_hidden_is_found(factor):
    found, words = fit_temperature(too_sure(0, factor, images=12))
    assert found == pytest.approx(factor ** (12 / (12 + PULL)), rel=0.05)
    assert "12 images" in words


def test_void_pixels_say_nothing():
    cases = too_sure(1, 3.0)
    void = np.zeros((120, 120), bool)
    void[:60] = True
    spoilt = [(p.copy(), np.where(void, 255, true).astype(np.uint8)) for p, true in cases]
    for p, _ in spoilt:
        p[:, void] = np.array([1, 0, 0])[:, None]
    assert fit_temperature(spoilt)[0] == pytest.approx(fit_temperature(cases)[0], rel=0.1)


@pytest.mark.parametrize("images", [0, 1])
def test_too_few_images_give_no_temperature_and_say_so(images):
    found, words = fit_temperature(too_sure(0, 3.0, images=images))
    assert found is None
    assert f"there are {images}" in words


def test_images_that_disagree_give_no_temperature():
    """One asks for more and one for less: what is fitted on either makes the other worse."""
    found, words = fit_temperature([*too_sure(0, 5.0, images=1), *too_sure(1, 0.3, images=1)])
    assert found is None
    assert "does not help" in words


def objects(seed, images=6, each=60):
    """Objects right with chance p**2 where p is what their mean probability says."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(images):
        means = rng.uniform(0.5, 1, each)
        cases.append((means, rng.random(each) < means**2))
    return cases


def test_the_curve_for_objects_is_learnt_and_carries_over():
    curve, _ = fit_objects(objects(0))
    means, right = objects(1, images=1, each=20_000)[0]
    told = object_confidence(means, curve)
    assert np.mean((told - right) ** 2) < np.mean((means - right) ** 2)
    assert abs(told.mean() - right.mean()) < 0.05
    assert (np.diff(told[np.argsort(means)]) >= 0).all()
    np.testing.assert_allclose(mean_probability(told, curve), means, atol=1e-3)


def test_a_curve_needs_right_and_wrong_objects():
    sure = [(np.full(30, 0.9), np.ones(30, bool))] * 3
    assert fit_objects(sure)[0] is None
    assert fit_objects([])[0] is None
    assert object_confidence(np.array([0.3]), None) == 0.3


class Pointwise(torch.nn.Module):
    """Sure of itself, by brightness alone: tiles cannot matter."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.halo, self.multiple = 0, 1

    def forward(self, x):
        return torch.cat([-3 * x, 3 * x], dim=1)


def card(**changes):
    about = {"net": "quick", "channels": 1, "classes": ("soil", "leaf"), "outputs": 2, "tile": 64, "halo": 8}
    return ModelCard(**(about | {"normalisation": {"kind": "dataset", "mean": [0.5], "std": [0.3]}} | changes))


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_a_tempered_model_draws_the_same_mask_in_one_piece_and_in_tiles(threshold, monkeypatch):
    image = np.random.default_rng(0).integers(0, 255, (150, 190)).astype(np.uint8)
    plain = Segmenter(Pointwise(), card(threshold=threshold)).predict(image)
    settled = card(threshold=temper_threshold(threshold, 2.5), temperature=2.5)
    whole = Segmenter(Pointwise(), settled).predict(image)
    np.testing.assert_array_equal(whole.mask, plain.mask)
    np.testing.assert_allclose(whole.probabilities, temper(plain.probabilities, 2.5), atol=1e-6)
    np.testing.assert_array_equal(mask_of(whole.probabilities, settled), whole.mask)

    from handful.prediction import segmenter
    from handful.prediction.tiles import Tiling

    monkeypatch.setattr(segmenter, "Tiling", lambda *cut, **more: Tiling(*cut, **more, whole_pixels=0))
    tiled = Segmenter(Pointwise(), settled).predict(image)
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=1e-6)
