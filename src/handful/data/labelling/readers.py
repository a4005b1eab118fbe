"""The labelling tools whose files are read, and which of them wrote a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handful.data.labelling.annotations import Annotations, read_bytes
from handful.data.labelling.coco import TOOL as COCO
from handful.data.labelling.coco import is_coco, read_coco
from handful.data.labelling.cvat import TOOL as CVAT
from handful.data.labelling.cvat import read_cvat
from handful.data.labelling.labelme import TOOL as LABELME
from handful.data.labelling.labelme import is_labelme, read_labelme
from handful.data.labelling.labelstudio import TOOL as LABEL_STUDIO
from handful.data.labelling.labelstudio import is_label_studio, read_label_studio
from handful.data.labelling.roi import TOOL as IMAGEJ
from handful.data.labelling.roi import is_roi_zip, read_rois
from handful.errors import DataError

TOOLS = (COCO, LABELME, LABEL_STUDIO, CVAT, IMAGEJ)
SUFFIXES = frozenset({".json", ".xml", ".zip", ".roi"})
# JSON is told apart by what it holds: does the reader know it, and the reader.
_JSON: tuple[tuple[Callable[[Any], bool], Callable[[Any, Path, str], Annotations]], ...] = (
    (is_coco, read_coco),
    (is_labelme, read_labelme),
    (is_label_studio, read_label_studio),
)


def read_annotations(path: Path, shown: str) -> Annotations | None:
    """What a labelling tool wrote into this file; None for a file of another kind.

    shown: the file as messages name it. Raises DataError for a file that is damaged, too large or not what its tool
    writes; what is wrong with one image only is kept with that image.
    """
    suffix = path.suffix.lower()
    if suffix == ".roi" or (suffix == ".zip" and is_roi_zip(path)):
        return read_rois(path, shown)
    if suffix == ".xml":
        return read_cvat(read_bytes(path, shown), path, shown)
    if suffix != ".json":
        return None
    try:
        content = json.loads(read_bytes(path, shown).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{shown}: is no valid JSON ({str(error)[:80]}). Export it again.") from error
    return next((read(content, path, shown) for known, read in _JSON if known(content)), None)
