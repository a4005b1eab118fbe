"""boundaries/NAME.png: thin lines, brighter where the model is surer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handful.outputs.png import png_bytes


def boundaries_png(boundaries: NDArray[np.float32]) -> bytes:
    """Boundaries (H, W) in 0 to 1 as a grey PNG, 255 = sure; the form that the BSDS benchmark reads."""
    return png_bytes(np.round(np.clip(boundaries, 0, 1) * 255).astype(np.uint8))
