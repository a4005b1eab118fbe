"""What only shows when the images of a set are seen together: copies, empty masks, odd sizes, mixed kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from handful.data.audit import ImageFacts
from handful.data.mask import MaskReading
from handful.data.problem import WARNING, Problem

ODD_SIZE = 8  # times the median area, or a part of it


def twin_problems(
    twins: Sequence[tuple[str, ...]], facts: Mapping[str, ImageFacts], shown: Mapping[str, str]
) -> list[Problem]:
    problems = []
    for group in twins:
        first = group[0]
        for name in group[1:]:
            if facts[name].content == facts[first].content:
                text = f"the same picture as {shown[first]}"
                if facts[name].mask_content != facts[first].mask_content:
                    text += " but with another mask: one of the two is wrong"
                else:
                    text += "; both are kept on one side of the split"
            else:
                text = f"nearly the same picture as {shown[first]}; both are kept on one side of the split"
            problems.append(Problem(shown[name], text, WARNING))
    return problems


def set_problems(
    reading: MaskReading, facts: Mapping[str, ImageFacts], shown: Mapping[str, str], masks: Mapping[str, str]
) -> list[Problem]:
    """What only shows against the rest: empty masks, odd sizes, mixed kinds of images."""
    problems = []
    areas = [fact.height * fact.width for fact in facts.values()]
    middle = float(np.median(areas))
    depths = Counter(fact.dtype for fact in facts.values())
    common = depths.most_common(1)[0][0]
    for name, fact in facts.items():
        where, mask_where = shown[name], masks[name]
        total = sum(fact.class_pixels)
        if total == 0:
            problems.append(Problem(mask_where, "every pixel is void; nothing can be learnt or scored on it", WARNING))
        elif reading.background is not None and fact.class_pixels[reading.background] == total:
            nothing = reading.classes[reading.background]
            problems.append(
                Problem(
                    mask_where, f"empty mask: no object in it ({nothing} everywhere). Right if there is none", WARNING
                )
            )
        elif len(reading.classes) == 2 and max(fact.class_pixels) == total and reading.kind != "boundaries":
            only = reading.classes[fact.class_pixels.index(total)]
            problems.append(
                Problem(mask_where, f"full mask: {only} everywhere. Right if the object fills the picture", WARNING)
            )
        area = fact.height * fact.width
        if len(areas) > 2 and (area > ODD_SIZE * middle or area * ODD_SIZE < middle):
            problems.append(
                Problem(
                    where,
                    f"is {fact.width}x{fact.height}, {_times(area / middle)} than is usual in this set",
                    WARNING,
                )
            )
        if fact.dtype != common:
            problems.append(
                Problem(
                    where, f"is {fact.dtype} where most images are {common}; each is scaled by its own type", WARNING
                )
            )
    counts = {fact.channels for fact in facts.values() if not fact.grey}
    if len(counts) > 1 and not counts <= {1, 3, 4}:
        most = max(counts)
        for fact in facts.values():
            if fact.channels != most:
                problems.append(
                    Problem(shown[fact.name], f"has {fact.channels} channels where others have {most}", WARNING)
                )
    return problems


def channel_problems(empty: Sequence[tuple[int, ...]], channels: int) -> list[Problem]:
    """A warning where a channel holds one value only, in every image."""
    always = set.intersection(*map(set, empty)) if empty else set()
    if not always or len(always) >= channels:
        return []
    listed = ", ".join(str(channel + 1) for channel in sorted(always))
    which = f"channel {listed} of {channels} holds" if len(always) == 1 else f"channels {listed} of {channels} hold"
    return [Problem("images", f"{which} one value only, in every image, and can tell nothing", WARNING)]


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times larger" if ratio > 1 else f"{1 / ratio:.2g} times smaller"
