"""handful: train a good image segmenter from a handful of labelled images, in minutes, on the machine you have.

>>> import handful
>>> model = handful.train("leaves/", seconds=60)        # doctest: +SKIP
>>> model.scores, model.predict("photo.jpg").mask       # doctest: +SKIP
>>> model.save("leaves.safetensors")                    # doctest: +SKIP

The names below are loaded when they are first used: importing handful is quick and does not load torch.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

IMPORTED = time.monotonic()  # what a command's --seconds counts from
__version__ = "0.1.0"

if TYPE_CHECKING:
    from handful.data.check import check_data as check
    from handful.errors import HandfulError
    from handful.modelfile import describe_model as describe
    from handful.prediction.segmenter import Segmenter
    from handful.prediction.segmenter import load_segmenter as load
    from handful.verbs.compare import compare
    from handful.verbs.curve import curve
    from handful.verbs.demo import demo
    from handful.verbs.evaluate import evaluate
    from handful.verbs.predict import predict
    from handful.verbs.recipe import recipe
    from handful.verbs.suggest import suggest
    from handful.verbs.train import train

_PLACES = {
    "HandfulError": ("handful.errors", "HandfulError"),
    "Segmenter": ("handful.prediction.segmenter", "Segmenter"),
    "check": ("handful.data.check", "check_data"),
    "compare": ("handful.verbs.compare", "compare"),
    "curve": ("handful.verbs.curve", "curve"),
    "demo": ("handful.verbs.demo", "demo"),
    "describe": ("handful.modelfile", "describe_model"),
    "evaluate": ("handful.verbs.evaluate", "evaluate"),
    "load": ("handful.prediction.segmenter", "load_segmenter"),
    "predict": ("handful.verbs.predict", "predict"),
    "recipe": ("handful.verbs.recipe", "recipe"),
    "suggest": ("handful.verbs.suggest", "suggest"),
    "train": ("handful.verbs.train", "train"),
}

__all__ = [
    "HandfulError",
    "Segmenter",
    "check",
    "compare",
    "curve",
    "demo",
    "describe",
    "evaluate",
    "load",
    "predict",
    "recipe",
    "suggest",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'handful' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
