"""Comparisons: the same training under different settings on one fixed split, and what the difference is worth.

`read_experiment` reads the file, `make_cells` writes out its trainings, `fixed_splits` and `split_of` say who trains
and who tests, `Table` turns scores into verdicts. `handful.verbs.compare` runs them; the recipes are such files.
"""

from handful.experiments.cells import Cell, make_cells
from handful.experiments.file import Experiment, read_experiment
from handful.experiments.paired import crossed_interval
from handful.experiments.splits import fixed_splits, split_of
from handful.experiments.table import Effect, Table

__all__ = [
    "Cell",
    "Effect",
    "Experiment",
    "Table",
    "crossed_interval",
    "fixed_splits",
    "make_cells",
    "read_experiment",
    "split_of",
]
