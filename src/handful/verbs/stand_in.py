"""Generated pictures in the place and form of data that are not at hand, so that every recipe runs everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from handful.data.mask import VOID
from handful.errors import SettingsError
from handful.files import whole_file
from handful.synth import generate
from handful.verbs.listener import SILENT, Listener

FORMS = ("masks", "labels", "classes", "none", "bsds")


def write_stand_in(sets: Sequence[Mapping[str, Any]], root: Path, listener: Listener = SILENT) -> None:
    """Write the sets that a recipe's `stand_in` lists under `root`; those that are there are kept.

    Each names its folder, the kind and number of pictures (synth, count, seed, settings of the generator) and the form
    of its truth: masks of 0 and 255, labels that number objects, classes 0 to 2, none, or bsds (.mat of two people).
    """
    for number, one in enumerate(sets):
        asked = dict(one)
        folder, form = root / str(asked.pop("folder", ".")), str(asked.pop("form", "masks"))
        if form not in FORMS:
            raise SettingsError(f"stand_in: form = {form}: expected one of {', '.join(FORMS)}.")
        images, truths = str(asked.pop("images", "images")), str(asked.pop("masks", "masks"))
        synth, count = str(asked.pop("synth")), int(asked.pop("count"))
        if (folder / images).is_dir():
            continue
        pictures = generate(synth, count, int(asked.pop("seed", number)), **asked)
        for place, (image, mask) in enumerate(pictures):
            write_picture(folder / images / f"{place}.png", image[:, :, 0] if image.shape[2] == 1 else image)
            write_truth(folder / truths / f"{place}", mask, form, place)
            listener.progress("drawing", (place + 1) / count, str(folder.name))


def write_picture(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as stream:
        Image.fromarray(pixels).save(stream, "PNG")


def write_truth(path: Path, mask: np.ndarray[Any, Any], form: str, number: int) -> None:
    """The truth of picture `number` in its form; `path` lacks its suffix."""
    if form == "none":
        return
    if form == "bsds":
        from scipy.io import savemat
        from skimage.morphology import skeletonize

        lines = skeletonize(mask > 0).astype(np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = np.empty((1, 2), object)
        for person in range(2):
            drawn[0, person] = {"Boundaries": lines, "Segmentation": np.ones(lines.shape, np.uint16)}
        with whole_file(path.with_suffix(".mat")) as stream:
            savemat(stream, {"groundTruth": drawn})
        return
    if form == "labels":
        from skimage.measure import label

        values = label(mask > 0).astype(np.uint16)
    elif form == "classes":
        values = np.where(mask > 0, 1 + number % 2, 0).astype(np.uint8)
    else:
        values = np.where(mask > 0, VOID, 0).astype(np.uint8)  # 255: white
    write_picture(path.with_suffix(".png"), values)
