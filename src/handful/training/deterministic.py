"""The same bytes from the same training on a GPU too, where the order of some sums is otherwise left to chance.

On a CPU they are the same anyway (docs/why/promises.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from handful.errors import SettingsError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # without it cuBLAS may choose another way each time (its documentation, 2.1.4)


@contextmanager
def deterministic_kernels(wanted: bool = True) -> Iterator[None]:
    """Meanwhile torch computes in a fixed order, or not at all: SettingsError where a step has no such form.

    Nothing is changed where it is not `wanted`.
    Takes effect on cuBLAS only before the first matrix product on a GPU in this process.
    """
    if not wanted:
        yield
        return
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    told = os.environ.get(WORKSPACE)
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        what = str(error).split(". ")[0].splitlines()[0]
        raise SettingsError(f"--deterministic: {what}. Take another net or loss, or leave it out.") from error
    finally:
        torch.use_deterministic_algorithms(before)
        if told is None:
            os.environ.pop(WORKSPACE, None)
