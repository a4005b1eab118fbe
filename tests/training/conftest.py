"""Runs small enough to train in a second: discs of another brightness on noise, a net of a few channels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from handful.augment import Colour, Geometry
from handful.models import build_net
from handful.settings import TrainSettings
from handful.training.clock import Clock
from handful.training.loop import Run
from handful.training.pool import Pool
from handful.training.store import Ready
from handful.training.validation import Validation


def draw_discs(number, *, size=48, radius=10, seed=0):
    """Standardised noise (1, size, size) with a brighter disc somewhere, and where it is."""
    rng = np.random.default_rng(seed)
    images, masks = [], []
    for _ in range(number):
        y, x = rng.integers(radius, size - radius, 2) if size > 2 * radius else (size // 2, size // 2)
        rows, columns = np.mgrid[:size, :size]
        mask = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        images.append((rng.normal(size=(1, size, size)) * 0.3 + 2 * mask).astype(np.float32))
        masks.append(mask.astype(np.uint8))
    return images, masks


def start_run(images, masks, *, steps=10, net="quick", seconds=60.0, validation=None, **settings):
    """A Run on these images, which also validate it unless others are given."""
    settings = replace(
        TrainSettings(
            net=net,
            net_settings={"width": 8, "depth": 3} if net == "quick" else {"width": 4, "depth": 2},
            patch=(32, 32),
            batch=4,
            learning_rate=0.1,  # a small net on few steps
            geometry=Geometry(elastic=0.0),
            colour=Colour(),
        ),
        **settings,
    )
    classes = max(int(mask[mask < 255].max(initial=1)) for mask in masks) + 1
    device = torch.device("cpu")
    parts = {
        name: getattr(settings, name) for name in ("patch", "batch", "geometry", "colour", "focus", "hardness", "seed")
    }
    pool = Pool(Ready(images, masks, seed=settings.seed, device=device), **parts, device=device)
    torch.manual_seed(settings.seed)
    fresh = build_net(settings.net, in_channels=images[0].shape[0], classes=classes, **settings.net_settings)
    fresh.set_prior(torch.tensor(pool.class_shares(classes)))
    looked = validation or (images, masks)
    held = Validation(*looked, classes=classes, scored=tuple(range(1, classes)), device=device)
    return Run(fresh, pool, held, settings, Clock(seconds, steps=steps))


@pytest.fixture
def discs():
    return draw_discs(4)
