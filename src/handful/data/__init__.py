"""From files on disk to samples: pairs, images, masks, the audit and the split. NumPy only, never torch."""

from handful.data.check import Audit, ImageFacts, check_data, content_hash, summary_lines
from handful.data.decode import ImageFile
from handful.data.image import as_unit, read_image
from handful.data.mask import VOID, Mask, MaskReading, decide_reading, read_annotators, read_mask
from handful.data.pairs import Layout, Pair, find_images, find_pairs
from handful.data.problem import Problem
from handful.data.sample import Sample, match_channels, read_sample, read_samples
from handful.data.split import Region, Split, keep_split, make_split

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
