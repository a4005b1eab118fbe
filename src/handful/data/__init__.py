"""From files on disk to samples: pairs, images, masks, the audit and the split. NumPy only, never torch.

The names are imported when they are first used, so that `import handful.data` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handful.data.channels import match_channels
    from handful.data.check import Audit, ImageFacts, check_data, content_hash, summary_lines
    from handful.data.decode import ImageFile
    from handful.data.image import as_unit, read_image
    from handful.data.mask import VOID, Mask, MaskReading, decide_reading, read_annotators, read_mask
    from handful.data.pairs import Layout, Pair, find_images, find_pairs
    from handful.data.problem import Problem
    from handful.data.sample import Sample, read_sample, read_samples
    from handful.data.split import Region, Split, keep_split, make_split

_HOMES = {
    "channels": ("match_channels",),
    "check": ("Audit", "ImageFacts", "check_data", "content_hash", "summary_lines"),
    "decode": ("ImageFile",),
    "image": ("as_unit", "read_image"),
    "mask": ("VOID", "Mask", "MaskReading", "decide_reading", "read_annotators", "read_mask"),
    "pairs": ("Layout", "Pair", "find_images", "find_pairs"),
    "problem": ("Problem",),
    "sample": ("Sample", "read_sample", "read_samples"),
    "split": ("Region", "Split", "keep_split", "make_split"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "VOID",
    "Audit",
    "ImageFacts",
    "ImageFile",
    "Layout",
    "Mask",
    "MaskReading",
    "Pair",
    "Problem",
    "Region",
    "Sample",
    "Split",
    "as_unit",
    "check_data",
    "content_hash",
    "decide_reading",
    "find_images",
    "find_pairs",
    "keep_split",
    "make_split",
    "match_channels",
    "read_annotators",
    "read_image",
    "read_mask",
    "read_sample",
    "read_samples",
    "summary_lines",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
