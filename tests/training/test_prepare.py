"""From samples to targets: lines survive shrinking, void is kept, weights come with the loss that asks for them."""

from dataclasses import replace

import numpy as np
import pytest

from handful.data.mask import MaskReading
from handful.data.sample import Sample
from handful.plan import Plan
from handful.settings import TrainSettings
from handful.training.prepare import pasted_kinds, prepare, target_classes

READING = MaskReading("labels", ("background", "cell"), 0, "grey", instances=True)
PLAN = Plan("semantic", {"kind": "none"}, {"kind": "image", "per_channel": False}, TrainSettings())


@pytest.fixture
def touching():
    """Two cells side by side, and a corner that is left out."""
    labels = np.zeros((64, 64), np.int32)
    labels[16:48, 8:32], labels[16:48, 32:56] = 1, 2
    mask = (labels > 0).astype(np.uint8)
    mask[:4, :4] = 255
    image = np.random.default_rng(0).integers(0, 65535, (1, 64, 64)).astype(np.uint16)
    return Sample("touching", image, mask, labels)


def test_classes_are_the_mask_itself(touching):
    made = prepare([touching], PLAN, READING)
    assert np.array_equal(made.targets[0], touching.mask)
    assert made.weights is None
    assert made.images[0].dtype == np.float32
    assert made.images[0].shape == (1, 64, 64)
    assert abs(float(made.images[0].mean())) < 0.1


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.25])
def test_the_line_between_touching_cells_survives_shrinking(touching, factor):
    plan = replace(PLAN, task="boundaries", scale={"kind": "factor", "value": factor})
    target = prepare([touching], plan, READING).targets[0]
    side = int(64 * factor)
    assert target.shape == (side, side)
    assert (target[side // 2, side // 2 - 1 : side // 2 + 1] == 1).all()
    assert target[0, 0] == 255
    assert target[side // 2, side // 4] == 0
    assert target_classes(plan, READING) == (("background", "boundary"), 0)


def test_the_gap_is_heavy_where_the_loss_is_weighted(touching):
    touching.labels[:, 31:33] = 0
    plan = replace(PLAN, training=TrainSettings(loss="weighted_dice"), scale={"kind": "factor", "value": 0.5})
    weights = prepare([touching], plan, READING).weights
    assert weights is not None
    assert weights[0].shape == (32, 32)
    assert weights[0][16].argmax() in (15, 16)
    assert weights[0][16].max() > 3
    assert weights[0].min() >= 1 - 1e-5


def test_what_may_be_pasted_is_every_class_of_objects_with_its_interior():
    """A class is pasted whole: its interior left behind, the rest would be a ring."""
    learnt = replace(PLAN, task="instances", training=TrainSettings(interior=True))
    assert pasted_kinds(learnt, READING) == [(1, 2)]
    assert pasted_kinds(PLAN, READING) == [(1,)]
    several = MaskReading("values", ("road", "tree", "sky"), None, "grey")
    assert pasted_kinds(PLAN, several) == [(0,), (1,), (2,)]
