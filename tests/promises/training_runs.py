"""Trainings of a few steps, for the promises about them."""

from __future__ import annotations

import numpy as np
import torch

from handful.augment import Colour, Geometry
from handful.models import build_net
from handful.settings import TrainSettings
from handful.training.clock import Clock
from handful.training.loop import Run
from handful.training.pool import Pool
from handful.training.store import Ready
from handful.training.validation import Validation


def short_run(steps: int = 3) -> Run:
    """Discs on noise, a net of a few channels."""
    rows, columns = np.mgrid[:32, :32]
    mask = ((rows - 14) ** 2 + (columns - 17) ** 2 < 64).astype(np.uint8)
    image = (np.random.default_rng(0).normal(0, 0.3, (1, 32, 32)) + 2 * mask).astype(np.float32)
    settings = TrainSettings(
        net="quick", net_settings={"width": 4, "depth": 2}, patch=(16, 16), batch=2, geometry=Geometry(elastic=0.0)
    )
    pool = Pool(
        Ready([image], [mask], device=torch.device("cpu")),
        patch=settings.patch,
        batch=settings.batch,
        geometry=settings.geometry,
        colour=Colour(),
        focus=settings.focus,
        hardness=settings.hardness,
        seed=0,
        device=torch.device("cpu"),
    )
    torch.manual_seed(0)
    net = build_net("quick", in_channels=1, classes=2, **settings.net_settings)
    held = Validation([image], [mask], classes=2, scored=(1,), device=torch.device("cpu"))
    return Run(net, pool, held, settings, Clock(60.0, steps=steps))
