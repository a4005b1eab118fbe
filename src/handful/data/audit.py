"""A data set that was checked: what is known of each image, of all together, and what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handful.data.mask import MaskReading
from handful.data.pairs import Pair
from handful.data.problem import Problem


@dataclass(frozen=True)
class ImageFacts:
    """What is known of one usable pair. Grey values are in the unit range of the type; areas in pixels.

    `content`: SHA-256 of the pixels with their shape and type, whatever the file's name, place or format;
    `mask_content` likewise of the classes and labels. `object_areas`: (median, least, greatest), zeros for none.
    """

    name: str
    height: int
    width: int
    channels: int
    dtype: str
    bit_depth: int
    content: str
    mask_content: str
    low: float
    high: float
    mean: float
    std: float
    grey: bool
    class_pixels: tuple[int, ...]
    void_pixels: int
    objects: int
    object_areas: tuple[float, int, int]


@dataclass(frozen=True)
class Audit:
    """A data set, checked: the usable `pairs`, how masks are read, facts by name, and every problem found.

    `stack`: the images are consecutive (slices of a stack, frames of a video); `runs` are those sequences. `twins`:
    groups of equal or nearly equal images. `channels`: what a net should get (1 where every image is grey).
    `fingerprint`: of all contents, independent of names, order and place.
    """

    root: str
    layout: str
    reading: MaskReading
    pairs: tuple[Pair, ...]
    facts: dict[str, ImageFacts]
    problems: tuple[Problem, ...]
    stack: bool
    twins: tuple[tuple[str, ...], ...]
    channels: int
    fingerprint: str
    runs: tuple[tuple[str, ...], ...] = ()
    thumbnails: dict[str, NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def class_pixels(self) -> tuple[int, ...]:
        """Pixels of each class over all usable images."""
        counts = np.array([facts.class_pixels for facts in self.facts.values()], np.int64)
        return tuple(counts.sum(axis=0).tolist())

    @cached_property
    def class_shares(self) -> tuple[float, ...]:
        """Share of each class in the pixels that are not void; they add up to 1."""
        total = max(1, sum(self.class_pixels))
        return tuple(count / total for count in self.class_pixels)

    @cached_property
    def void_share(self) -> float:
        """Share of void pixels in all pixels."""
        void = sum(facts.void_pixels for facts in self.facts.values())
        return void / max(1, void + sum(self.class_pixels))

    @cached_property
    def sizes(self) -> tuple[tuple[tuple[int, int], int], ...]:
        """((height, width), number of images), commonest first."""
        counts = Counter((facts.height, facts.width) for facts in self.facts.values())
        return tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

    @cached_property
    def dtypes(self) -> tuple[str, ...]:
        """The types of the pixels, such as ("uint8",)."""
        return tuple(sorted({facts.dtype for facts in self.facts.values()}))

    @cached_property
    def bit_depths(self) -> tuple[int, ...]:
        """Bits a channel as stored."""
        return tuple(sorted({facts.bit_depth for facts in self.facts.values()}))

    @cached_property
    def objects(self) -> int:
        """Number of objects in all images: labels where they are known, otherwise connected pieces."""
        return sum(facts.objects for facts in self.facts.values())

    @cached_property
    def object_area(self) -> float:
        """Median over the images of the median area of their objects, in pixels; 0 where there are none."""
        areas = [facts.object_areas[0] for facts in self.facts.values() if facts.objects]
        return float(np.median(areas)) if areas else 0.0

    @cached_property
    def parts(self) -> dict[str, int]:
        """How many usable pairs each part has."""
        return dict(Counter(pair.part for pair in self.pairs))

    def of_severity(self, severity: str) -> tuple[Problem, ...]:
        """The problems that are errors, warnings or notes."""
        return tuple(problem for problem in self.problems if problem.severity == severity)

    def to_dict(self) -> dict[str, Any]:
        """All but the paths and thumbnails, for JSON."""
        return {
            "root": self.root,
            "layout": self.layout,
            "reading": self.reading.to_dict(),
            "images": {name: asdict(facts) for name, facts in self.facts.items()},
            "parts": self.parts,
            "sizes": [{"height": h, "width": w, "images": count} for (h, w), count in self.sizes],
            "channels": self.channels,
            "dtypes": list(self.dtypes),
            "bit_depths": list(self.bit_depths),
            "classes": {
                name: {"pixels": pixels, "share": share}
                for name, pixels, share in zip(self.reading.classes, self.class_pixels, self.class_shares, strict=True)
            },
            "void_share": self.void_share,
            "objects": self.objects,
            "object_area": self.object_area,
            "stack": self.stack,
            "twins": [list(group) for group in self.twins],
            "fingerprint": self.fingerprint,
            "problems": [asdict(problem) for problem in self.problems],
        }
