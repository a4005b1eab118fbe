"""The audit in words."""

from __future__ import annotations

from collections import Counter

from handful.data.audit import Audit
from handful.data.problem import ERROR, NOTE, WARNING
from handful.names import plural


def summary_lines(audit: Audit) -> list[str]:
    """The audit for people, a topic a line: layout, images, masks, classes, objects, what is odd."""
    sizes = audit.sizes
    shown = ", ".join(f"{w}x{h}" + (f" ({count})" if len(sizes) > 1 else "") for (h, w), count in sizes[:4])
    if len(sizes) > 4:
        heights = [h for (h, _), _ in sizes]
        widths = [w for (_, w), _ in sizes]
        shown = f"{len(sizes)} sizes from {min(widths)}x{min(heights)} to {max(widths)}x{max(heights)} (width x height)"
    depths = " and ".join(str(bits) for bits in audit.bit_depths)
    kinds = "grey" if audit.channels == 1 else "colour" if audit.channels == 3 else f"{audit.channels} channels"
    stored = {fact.channels for fact in audit.facts.values()}
    if audit.channels == 1 and stored != {1}:
        kinds = "grey (stored as colour)"
    lines = [
        f"data     {audit.layout}",
        f"images   {len(audit.pairs)} usable, {shown}, {kinds}, {depths} bit",
        f"masks    {audit.reading.description}",
    ]
    classes = ", ".join(
        f"{name} {_percent(share)}" for name, share in zip(audit.reading.classes, audit.class_shares, strict=True)
    )
    lines.append(
        f"classes  {classes}" + (f"; {_percent(audit.void_share)} of all pixels are void" if audit.void_share else "")
    )
    if audit.objects:
        per = [fact.objects for fact in audit.facts.values()]
        spread = f"{min(per)} to {max(per)}" if min(per) < max(per) else f"{max(per)}"
        noun = "objects" if audit.reading.instances else "connected pieces"
        lines.append(
            f"objects  {audit.objects} {noun}, {spread} in an image, typically "
            f"{audit.object_area:.0f} pixels "
            f"each (about {audit.object_area**0.5:.0f} x {audit.object_area**0.5:.0f})"
        )
    if audit.runs:
        count = sum(map(len, audit.runs))
        lines.append(f"order    {count} images follow each other (slices or frames): they are split in blocks")
    counts = Counter(problem.severity for problem in audit.problems)
    words = [plural(counts[kind], kind) for kind in (ERROR, WARNING, NOTE) if counts[kind]]
    lines.append(f"found    {', '.join(words) if words else 'no problem'}")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
