"""Augmentation by the names of its kinds: 'none', 'all', or a sum such as 'flip+rotation+noise'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handful.errors import SettingsError
from handful.names import nearest

SHIFT = 0.1  # of the sides: named, shifts are this long; windows of large images are drawn anywhere as it is
PASTE = 0.25  # chance of a sample to have objects of another pasted into it, where named

# What switches each kind off. Flips bring quarter turns with them where up does not matter.
OFF: dict[str, dict[str, Any]] = {
    "flip": {"geometry.flip": False, "geometry.upside_down": False},
    "rotation": {"geometry.rotation": 0.0},
    "zoom": {"geometry.zoom": 1.0},
    "shift": {"geometry.shift": 0.0},
    "shear": {"geometry.shear": 0.0},
    "elastic": {"geometry.elastic": 0.0},
    "brightness": {"colour.brightness": 0.0},
    "contrast": {"colour.contrast": 0.0},
    "cast": {"colour.cast": 0.0},
    "noise": {"colour.noise": 0.0},
    "blur": {"colour.blur": 0.0},
    "paste": {"paste": 0.0},
}


def expand_augment(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with `augment` written out as the parts of geometry and colour that it switches off.

    'all' leaves every kind as strong as the plan makes it, with shifts, 'none' switches all off, 'flip+noise' all but
    these; shift and paste, which the plan leaves out, have a strength of their own where they are named. What is
    given under its own name, such as geometry.rotation, counts more. Raises SettingsError for a kind that does not
    exist.
    """
    if "augment" not in values:
        return dict(values)
    rest = dict(values)
    asked = rest.pop("augment")
    words = [word.strip() for word in asked.split("+")] if isinstance(asked, str) else [str(asked)]
    known = ["all", "none", *OFF]
    for word in words:
        if word not in known or (word in ("all", "none") and len(words) > 1):
            raise SettingsError(
                f"setting augment = {asked!r}: expected all, none, or a sum of {', '.join(OFF)}, such as "
                f"flip+rotation.{nearest(word, known)}"
            )
    kept = set(OFF) if words == ["all"] else set(words)
    parts = {key: value for kind in OFF if kind not in kept for key, value in OFF[kind].items()}
    named = {"paste": PASTE} if "paste" in words else {}
    return parts | named | ({"geometry.shift": SHIFT} if "shift" in kept else {}) | rest
