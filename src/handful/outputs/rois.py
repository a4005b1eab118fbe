"""rois/NAME.zip: objects as regions for ImageJ and Fiji (open the image, then the zip in the ROI Manager)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from handful.errors import DataError
from handful.outputs.objects import ObjectPixels, each_object
from handful.outputs.outlines import pixel_outlines
from handful.outputs.palette import class_colours

if TYPE_CHECKING:
    from roifile import ImagejRoi

# Places are 16-bit numbers, of which ImageJ takes those from -5000 on; see roifile's min_int_coord.
FARTHEST = 60535
MOVE, LINE, CLOSE = 0, 1, 4  # steps of a path, as java.awt.geom.PathIterator numbers them
SAME_DATE = (1980, 1, 1, 0, 0, 0)  # the first a zip can hold: the same objects give the same bytes


def roi_zip(
    labels: NDArray[np.int32], object_classes: Sequence[int], classes: Sequence[str], background: int | None = 0
) -> bytes:
    """A zip with a region for each object of labels (H, W), its outline along the edges of pixels.

    An object in one piece without holes is a polygon, any other a composite region. The name is the class and the
    object's number; with several kinds of objects the class is the region's group too, in the colour of the class.
    DataError for an image too large for ImageJ's regions.
    """
    refuse_far(labels.shape)
    stream = io.BytesIO()
    objects = ((pixels, object_classes[pixels.number - 1]) for pixels in each_object(labels))
    roi_writer(objects, classes, background)(stream)
    return stream.getvalue()


def refuse_far(shape: tuple[int, ...]) -> None:
    """DataError for an image (H, W) too large for ImageJ's regions."""
    if max(shape) > FARTHEST:
        raise DataError(f"--save rois: ImageJ's regions reach to pixel {FARTHEST}. Save contours or coco instead.")


def roi_writer(
    objects: Iterable[tuple[ObjectPixels, int]], classes: Sequence[str], background: int | None = 0
) -> Callable[[BinaryIO], None]:
    """Writer of such a zip from objects with their classes, gone through one at a time."""
    several = len(classes) - (background is not None) > 1
    colours = class_colours(len(classes), background)

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for pixels, kind in objects:
                roi = _region(pixels)
                roi.name = f"{classes[kind]} {pixels.number}"
                if several:
                    # Group 0 is no group.
                    roi.group = int(kind) + (background != 0)
                    roi.stroke_color = bytes((255, *colours[kind]))
                member = zipfile.ZipInfo(f"{pixels.number:05d}.roi", SAME_DATE)
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, roi.tobytes())

    return write


def _region(pixels: ObjectPixels) -> ImagejRoi:
    from roifile import ROI_TYPE, ImagejRoi

    polygons = pixel_outlines(pixels.inside)
    height, width = pixels.inside.shape
    roi = ImagejRoi()
    roi.top, roi.left, roi.bottom, roi.right = pixels.top, pixels.left, pixels.top + height, pixels.left + width
    if len(polygons) == 1 and len(polygons[0]) == 1:
        roi.roitype = ROI_TYPE.POLYGON
        roi.integer_coordinates = polygons[0][0].astype(np.int32)
        roi.n_coordinates = len(polygons[0][0])
        return roi
    roi.roitype = ROI_TYPE.RECT
    path: list[float] = []
    for ring in (ring for rings in polygons for ring in rings):
        for place, (x, y) in enumerate(ring.tolist()):
            path += (MOVE if place == 0 else LINE, x + pixels.left, y + pixels.top)
        path.append(CLOSE)
    roi.multi_coordinates = np.array(path, np.float32)
    roi.shape_roi_size = len(path)
    return roi
