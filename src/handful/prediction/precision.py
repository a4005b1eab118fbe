"""In what precision the net is run: float32, or bfloat16 where that is faster and says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from handful.prediction.segmenter import Segmenter

# bfloat16 keeps 8 bits: probabilities differ by about a hundredth where the net is in doubt. More on average than this,
# or other answers on more of the pixels, is no rounding.
LARGEST_MEAN, LARGEST_CHANGED = 0.01, 0.005
SAMPLE = 512


def use_half(segmenter: Segmenter, precision: str, image: NDArray[Any]) -> tuple[bool, str]:
    """Whether to run in bfloat16, and why not where it was asked for or expected.

    "float32" never does, "bfloat16" always. "auto" does on a GPU that computes in it, if a piece of the first image
    (H, W, C) comes out the same; on a CPU float32 stays, so that tiles equal the whole image to 1e-4 everywhere.
    """
    import torch

    if precision != "auto":
        return precision == "bfloat16", ""
    device = next(segmenter.net.parameters()).device
    if device.type != "cuda" or not torch.cuda.is_bf16_supported():
        return False, ""
    mean, changed = half_difference(segmenter, image)
    if mean <= LARGEST_MEAN and changed <= LARGEST_CHANGED:
        return True, ""
    return False, f"bfloat16 changes {changed:.1%} of the pixels (probabilities by {mean:.3f}): computing in float32."


def half_difference(segmenter: Segmenter, image: NDArray[Any]) -> tuple[float, float]:
    """Mean difference in probability, and share of pixels of another class, between bfloat16 and float32."""
    piece = image[:SAMPLE, :SAMPLE]
    exact, rough = (segmenter.predict(piece, flips=False, half=half) for half in (False, True))
    mean = float(np.abs(exact.probabilities - rough.probabilities).mean())
    return mean, float((exact.mask != rough.mask).mean())
