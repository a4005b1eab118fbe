"""Has a model seen these images? By the hashes and the small pictures that its file holds of what it learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handful.data.audit import Audit
from handful.data.known import find_known, read_known, write_known
from handful.data.split import Split
from handful.measure.bootstrap import mean_interval
from handful.measure.scores import UNIT, Scores


def remember(audit: Audit, split: Split) -> dict[str, Any]:
    """What a model file keeps of the images it was trained and validated on: hashes, and 32 x 32 pixels in grey."""
    names = {side: [region.name for region in getattr(split, side)] for side in ("train", "validation")}
    return {
        "images": {name: split.contents.get(name, "") for name in names["train"]},
        "validated": {name: split.contents.get(name, "") for name in names["validation"]},
        "thumbnails": write_known(
            {name: audit.thumbnails[name] for side in names.values() for name in side if name in audit.thumbnails}
        ),
    }


def find_seen(training: Mapping[str, Any], audit: Audit, names: Iterable[str]) -> dict[str, str]:
    """Why each of these images is no test image, in words by name; what the model has not seen is left out.

    training: `ModelCard.training`.
    """
    seen: dict[str, str] = {}
    wanted = list(dict.fromkeys(names))
    kinds = ("images", "trained on"), ("validated", "used to choose the model"), ("start_images", "known to its start")
    for key, words in kinds:
        contents = set(training.get(key, {}).values())
        seen |= {name: words for name in wanted if name not in seen and audit.facts[name].content in contents}
    others = {name: audit.thumbnails[name] for name in wanted if name not in seen and name in audit.thumbnails}
    copies = find_known(others, read_known(training.get("thumbnails", {})))
    return seen | {name: f"nearly the same picture as {other}" for name, (other, _) in copies.items()}


def mark_seen(scores: Scores, seen: Mapping[str, str]) -> tuple[Scores, list[str]]:
    """The scores with the seen images among them named, and what to say about it: nothing where there are none."""
    if not seen:
        return scores, []
    reasons: dict[str, list[str]] = {}
    for name, why in seen.items():
        reasons.setdefault("nearly the same as one" if why.startswith("nearly") else why, []).append(
            f"{name} is {why}" if why.startswith("nearly") else name
        )
    parts = [
        f"{len(names)} {why} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for why, names in reasons.items()
    ]
    text = f"Not a test score: of these {scores.n} images the model has seen {len(seen)}: {'; '.join(parts)}."
    rest = mean_interval(np.array([one.dice for one in scores.images if one.name not in seen]), bounds=UNIT)
    if rest.n:
        spread = "" if rest.n < 2 else f" (95 % interval {rest.low:.3f} to {rest.high:.3f})"
        text += f" On the other {rest.n} Dice per image is {rest.value:.3f}{spread}."
    return replace(scores, seen=tuple(seen)), [text]
