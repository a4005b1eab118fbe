"""probability/NAME.tif: how sure the model is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray


def probability_tiff(probabilities: NDArray[np.float32], classes: Sequence[str]) -> Callable[[BinaryIO], None]:
    """Writer of a float32 TIFF of probabilities (classes, H, W); class names are in its description.

    Two classes: one page, the probability of class 1. More: a page a class. Not compressed: ImageJ and old readers
    cannot open compressed float images, and probabilities hardly shrink.
    """
    pages = probabilities[1] if len(probabilities) == 2 else probabilities

    def write(stream: BinaryIO) -> None:
        metadata = {"classes": list(classes)}
        tifffile.imwrite(stream, pages, photometric="minisblack", software="handful", metadata=metadata)

    return write
