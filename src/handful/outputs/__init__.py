"""What a prediction folder holds: one writer a file, every file whole or not at all.

The names are imported when they are first used: a folder for scores needs no image library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handful.outputs.files import OutputFolder, file_names
    from handful.outputs.prediction import SAVED, Written, planned_files, write_index, write_prediction

__all__ = ["SAVED", "OutputFolder", "Written", "file_names", "planned_files", "write_index", "write_prediction"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = "files" if name in ("OutputFolder", "file_names") else "prediction"
    return getattr(import_module(f"{__name__}.{home}"), name)
