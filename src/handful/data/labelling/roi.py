"""ImageJ's regions of interest: the RoiManager's zip, or one .roi file, for an image; read by roifile.

Classes are ImageJ's groups: regions of a group bear a class, named by the words that the names of all its regions begin
with ("leaf 1", "leaf 2": leaf) or by its number. Without groups every region is an object of one class.
"""

from __future__ import annotations

import logging
import re
import struct
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handful.data.labelling import fields
from handful.data.labelling.annotations import LARGEST_FILE, Annotated, Annotations
from handful.data.labelling.drawing import DrawnObject
from handful.data.labelling.shapes import Polygon, Shape, box, ellipse
from handful.errors import DataError

if TYPE_CHECKING:
    from roifile import ImagejRoi

TOOL = "ImageJ"
LARGEST_ROI = 2**25  # bytes: four million points
ONLY_CLASS = "foreground"
# roifile says what it finds odd to whoever listens, and to the terminal where nobody does; we judge files ourselves.
logging.getLogger("roifile").addHandler(logging.NullHandler())


def is_roi_zip(path: Path) -> bool:
    """Whether a zip holds regions; the directory of the archive is all that is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.lower().endswith(".roi") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def read_rois(path: Path, shown: str) -> Annotations:
    """The regions of one image, which bears the name of the file. What a damaged region says is a DataError."""
    passed: Counter[str] = Counter()
    image = Annotated(path.stem, shown)
    try:
        rois = [(f"{shown}, {name}", _parse(raw, f"{shown}, {name}")) for name, raw in _members(path, shown)]
        classes = _classes([roi for _, roi in rois])
        image.collect(partial(_object, roi, classes, where, passed) for where, roi in rois)
    except DataError as error:
        image.problem = str(error)
    return Annotations(TOOL, path, [image], (), passed)


def _members(path: Path, shown: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the regions in the file; nothing is unpacked to disk, whatever the names say."""
    try:
        if path.suffix.lower() == ".roi":
            with path.open("rb") as stream:
                yield path.name, stream.read(LARGEST_ROI)
            return
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if info.filename.lower().endswith(".roi")]
            if any(info.file_size > LARGEST_ROI for info in infos) or sum(i.file_size for i in infos) > LARGEST_FILE:
                raise DataError(f"{shown}: unpacks to far more than regions take. Save it again in ImageJ.")
            for info in infos:
                with archive.open(info) as member:
                    yield info.filename, member.read(LARGEST_ROI)
    except DataError:
        raise
    # ValueError: names of members that are no text
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise DataError(f"{shown}: is damaged ({str(error)[:80]}). Save it again in ImageJ.") from error


def _parse(raw: bytes, where: str) -> ImagejRoi:
    from roifile import ImagejRoi

    try:
        return ImagejRoi.frombytes(raw)
    except (ValueError, TypeError, struct.error, IndexError, OverflowError, MemoryError) as error:
        raise DataError(f"{where}: is damaged ({str(error)[:80]}). Save it again in ImageJ.") from error


def _classes(rois: list[ImagejRoi]) -> dict[int, str]:
    """The class of each group."""
    members: dict[int, list[str]] = defaultdict(list)
    for roi in rois:
        members[roi.group].append(roi.name)
    if set(members) <= {0}:
        return {0: ONLY_CLASS}
    names = {}
    for group, given in members.items():
        stems = {re.sub(r"[\W\d_]+$", "", name).strip() for name in given}
        names[group] = stems.pop() if len(stems) == 1 and "" not in stems else f"group {group}"
    return names if len(set(names.values())) == len(names) else {group: f"group {group}" for group in members}


def _object(roi: ImagejRoi, classes: dict[int, str], where: str, passed: Counter[str]) -> DrawnObject | None:
    shape = _shape(roi, where, passed)
    return None if shape is None else DrawnObject(classes[roi.group], shape)


def _shape(roi: ImagejRoi, where: str, passed: Counter[str]) -> Shape | None:
    from roifile import ROI_SUBTYPE, ROI_TYPE

    if roi.subtype in (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.ARROW, ROI_SUBTYPE.IMAGE):
        passed["texts, arrows and pictures"] += 1
        return None
    if roi.multi_coordinates is not None or roi.roitype in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED):
        return _polygon(roi, where, passed)
    if roi.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        edges: tuple[float, ...] = (roi.left, roi.top, roi.right, roi.bottom)
        if roi.subpixelrect:
            edges = (roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd)
        left, top, right, bottom = (fields.number(edge, where) for edge in edges)
        if roi.roitype == ROI_TYPE.RECT:
            return box(left, top, right, bottom)
        return ellipse((left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2)
    passed["lines, angles and points"] += 1
    return None


def _polygon(roi: ImagejRoi, where: str, passed: Counter[str]) -> Shape | None:
    try:
        found: list[Any] = list(roi.coordinates(multi=True))
    except NotImplementedError:
        raise DataError(
            f"{where}: has curves; in ImageJ make a polygon of it: Edit > Selection > Interpolate."
        ) from None
    except (RuntimeError, IndexError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: is damaged ({error}). Save it again in ImageJ.") from error
    with np.errstate(invalid="ignore"):  # what is no number is refused below
        rings = [np.asarray(ring, np.float64).reshape(-1, 2) for ring in found]
    rings = [ring for ring in rings if len(ring) >= 3]
    if not all((np.abs(ring) <= fields.FARTHEST).all() for ring in rings):  # false for NaN too
        raise DataError(f"{where}: has points that are no places in an image. Draw it again.")
    if not rings:
        passed["polygons of fewer than three points"] += 1
        return None
    return Polygon(tuple(rings))
