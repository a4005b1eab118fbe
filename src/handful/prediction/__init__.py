"""From a model file and an image to probabilities, a mask, separate objects and boundaries."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handful.prediction.segmenter import Prediction as Prediction
    from handful.prediction.segmenter import Segmenter as Segmenter

__all__ = ["Prediction", "Segmenter"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from handful.prediction import segmenter

    return getattr(segmenter, name)
