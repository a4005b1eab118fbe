"""Each kind of augmentation can be named alone: what is not named does nothing, what is named does something."""

from __future__ import annotations

import pytest
import torch

from handful.augment import change_colour, draw_warp, expand_augment
from handful.augment.kinds import OFF
from handful.errors import SettingsError
from handful.settings import TrainSettings

GEOMETRY = {"flip", "rotation", "zoom", "shift", "shear", "elastic"}


def changes(asked: str) -> tuple[bool, bool, bool]:
    """Whether samples are moved, whether their colours are changed, and whether objects are pasted."""
    settings = TrainSettings().with_values({"augment": asked, "geometry.chance": 1.0})
    still = draw_warp(TrainSettings().with_values({"augment": "none"}).geometry, 16, (32, 32), seeded())
    moved = not torch.allclose(draw_warp(settings.geometry, 16, (32, 32), seeded()), still, atol=1e-4)
    image = torch.randn(16, 3, 32, 32, generator=seeded())
    coloured = not torch.allclose(change_colour(image.clone(), settings.colour, seeded()), image)
    return moved, coloured, settings.paste > 0


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_none_changes_nothing() -> None:
    assert changes("none") == (False, False, False)


@pytest.mark.parametrize("kind", OFF)
def test_one_kind_alone(kind: str) -> None:
    assert changes(kind) == (kind in GEOMETRY, kind not in GEOMETRY | {"paste"}, kind == "paste")


def test_all_is_the_plan_with_shifts() -> None:
    plan = TrainSettings().with_values({"geometry.rotation": 15.0, "paste": 0.1})
    assert plan.with_values({"augment": "all"}) == plan.with_values({"geometry.shift": 0.1})


def test_own_names_count_more_whatever_the_order() -> None:
    for values in ({"augment": "none", "geometry.zoom": 2.0}, {"geometry.zoom": 2.0, "augment": "none"}):
        assert TrainSettings().with_values(values).geometry.zoom == 2.0


def test_shifts_are_whole_pixels_within_their_share() -> None:
    geometry = TrainSettings().with_values({"augment": "shift"}).geometry
    moved = draw_warp(geometry, 64, (40, 80), seeded()) - draw_warp(
        TrainSettings().with_values({"augment": "none"}).geometry, 64, (40, 80), seeded()
    )
    assert torch.allclose(moved, moved.round(), atol=1e-3)
    assert moved[..., 0].abs().max().round() == 8
    assert moved[..., 1].abs().max().round() == 4


@pytest.mark.parametrize("asked", ["flips", "flip+turn", "none+flip", "", 3])
def test_what_is_no_kind_is_refused(asked: object) -> None:
    with pytest.raises(SettingsError, match="augment"):
        expand_augment({"augment": asked})
