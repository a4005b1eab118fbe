"""What a prediction folder holds: one writer a file, every file whole or not at all."""

from handful.outputs.files import OutputFolder, file_names, whole_file, write_whole
from handful.outputs.prediction import SAVED, Written, planned_files, write_index, write_prediction

__all__ = [
    "SAVED",
    "OutputFolder",
    "Written",
    "file_names",
    "planned_files",
    "whole_file",
    "write_index",
    "write_prediction",
    "write_whole",
]
