"""instances/NAME.tif: the number of its object for every pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray


def instances_tiff(labels: NDArray[np.int32]) -> Callable[[BinaryIO], None]:
    """Writer of labels (H, W), 0 none, as a TIFF: uint16, or uint32 when there are more than 65535 objects."""
    fits = labels.max(initial=0) <= np.iinfo(np.uint16).max
    numbers = labels.astype(np.uint16 if fits else np.uint32)

    def write(stream: BinaryIO) -> None:
        tifffile.imwrite(
            stream, numbers, photometric="minisblack", compression="zlib", software="handful", metadata=None
        )

    return write
