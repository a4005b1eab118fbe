"""handful: train a good image segmenter from a handful of labelled images, in minutes, on the machine you have.

>>> import handful
>>> model = handful.train("leaves/", seconds=60)        # doctest: +SKIP
>>> model.scores, model.predict("photo.jpg").mask       # doctest: +SKIP
>>> model.save("leaves.safetensors")                    # doctest: +SKIP

The names below are loaded when they are first used: importing handful is quick and does not load torch.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

IMPORTED = time.monotonic()  # what a command's --seconds counts from
__version__ = "0.1.0"

if TYPE_CHECKING:
    from handful.data.check import check_data as check
    from handful.errors import HandfulError
    from handful.modelfile import describe_model as describe
    from handful.predict.segmenter import Segmenter
    from handful.predict.segmenter import load_segmenter as load
    from handful.verbs.demo import demo
    from handful.verbs.evaluate import evaluate
    from handful.verbs.predict import predict
    from handful.verbs.train import train

_PLACES = {
    "HandfulError": ("handful.errors", "HandfulError"),
    "Segmenter": ("handful.predict.segmenter", "Segmenter"),
    "check": ("handful.data.check", "check_data"),
    "demo": ("handful.verbs.demo", "demo"),
    "describe": ("handful.modelfile", "describe_model"),
    "evaluate": ("handful.verbs.evaluate", "evaluate"),
    "load": ("handful.predict.segmenter", "load_segmenter"),
    "predict": ("handful.verbs.predict", "predict"),
    "train": ("handful.verbs.train", "train"),
}

__all__ = ["HandfulError", "Segmenter", "check", "demo", "describe", "evaluate", "load", "predict", "train"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'handful' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


class _Verb(ModuleType):
    """The folders train/ and predict/ share their names with a verb: called, such a folder does what the verb says."""

    @property
    def __wrapped__(self) -> Any:  # what help and inspect.signature show
        return getattr(import_module(_PLACES[self.__name__.rpartition(".")[2]][0]), self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **settings: Any) -> Any:
        return self.__wrapped__(*args, **settings)


class _Handful(ModuleType):
    """Python binds a folder to its name here whenever something in it is imported, which would hide the verb."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PLACES and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Handful


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
