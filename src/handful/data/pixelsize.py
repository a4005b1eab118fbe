"""How large a pixel is, where the file says it: OME-XML, ImageJ's description or the resolution tags of a TIFF."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handful.data.decode import TIFF_SUFFIXES, quiet

# Micrometres in a unit, as OME-XML and ImageJ write units.
UNITS = {
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("pm", "picometer"), 1e-6),
    **dict.fromkeys(("in", "inch", "inches"), 25400.0),
}
# Dots an inch that cameras, scanners and drawing programs write without anybody having measured anything.
PRINT_DPI = frozenset({1, 72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 220, 240, 250, 300, 350, 400, 600, 1200})


@dataclass(frozen=True)
class PixelSize:
    """Width and height of a pixel in micrometres."""

    x: float
    y: float


def read_pixel_size(path: Path) -> PixelSize | None:
    """The size of a pixel that a TIFF states; None for other files, and where nothing (believable) is stated."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    import tifffile

    with quiet():
        try:
            with tifffile.TiffFile(path) as tiff:
                if tiff.is_ome:
                    return _from_ome(tiff.ome_metadata or "")
                page: Any = tiff.pages[0]
                sides = [_inverse(page.tags[name].value) for name in ("XResolution", "YResolution")]
                if tiff.is_imagej:
                    unit = str((tiff.imagej_metadata or {}).get("unit", ""))
                else:
                    unit = {2: "inch", 3: "cm"}.get(int(page.tags["ResolutionUnit"].value), "")
                    if unit == "inch" and round(1 / sides[0], 1) in PRINT_DPI:
                        return None
        except Exception:  # a damaged or unusual tag says nothing, and the picture may be fine
            return None
    return _size(sides[0], sides[1], unit, unit)


def _inverse(resolution: tuple[int, int]) -> float:
    """The side of a pixel from pixels a unit, which TIFF keeps as a fraction."""
    return resolution[1] / resolution[0]


def _from_ome(text: str) -> PixelSize | None:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities can blow up to any size; no microscope writes them
        return None
    root = ElementTree.fromstring(text.encode())
    pixels = next((one for one in root.iter() if one.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    x, y = pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeY")
    if x is None or y is None:
        return None
    # Micrometre is the default of the OME schema (2016-06).
    return _size(float(x), float(y), pixels.get("PhysicalSizeXUnit", "µm"), pixels.get("PhysicalSizeYUnit", "µm"))


def _size(x: float, y: float, x_unit: str, y_unit: str) -> PixelSize | None:
    scales = [UNITS.get(unit.strip().casefold()) for unit in (x_unit, y_unit)]
    if scales[0] is None or scales[1] is None:
        return None
    sides = x * scales[0], y * scales[1]
    return PixelSize(*sides) if all(math.isfinite(side) and side > 0 for side in sides) else None
