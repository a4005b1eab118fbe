"""How much memory a net takes for a pixel or a step, and the largest tile that fits into what is there.

The net is run on a small picture while every block of memory that torch keeps alive is counted, in hundredths of a
second and the same on every machine. What the convolutions use beside it is in `MARGIN`. (Tensors without content, of
device "meta", need no computing, but torch imports its compiler for them: more than a second at every start.)
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

# Edges of tiles to choose from. A small set, so that a few megabytes more or less of free memory change nothing in the
# results. 4096x4096 takes 7.1, 6.3, 5.9 and 6.7 s with 1024, 1536, 2304 and in one piece.
EDGES = (2304, 1536, 1024, 768, 512, 384, 256, 192, 128)
# Peak of the process over the count: scratch and reordered weights of oneDNN, and what malloc keeps. 1.35 was measured
# for the quick net, 24 and 32 wide.
MARGIN = 1.5
# Edge of the small picture: a multiple of what nets fold and halve.
SAMPLE = 128


def bytes_a_pixel(net: nn.Module, channels: int) -> float:
    """Bytes alive at the worst moment of putting a tile through the net, its input and output included, a pixel."""
    import torch

    ghost = copy.deepcopy(net).cpu().eval()

    def work() -> None:
        with torch.inference_mode():
            x = torch.zeros((1, channels, SAMPLE, SAMPLE))
            ghost(x).float().softmax(dim=1)

    return most_alive(work) / SAMPLE**2


def bytes_a_step(net: nn.Module, channels: int, classes: int, batch: int, patch: tuple[int, int]) -> float:
    """Bytes alive at the worst moment of a training step, forward and backward; the gradients are left out."""
    import torch

    ghost = copy.deepcopy(net).cpu().train()
    for parameter in ghost.parameters():
        parameter.grad = torch.zeros_like(parameter)

    def work() -> None:
        x = torch.zeros((1, channels, SAMPLE, SAMPLE))
        logits = ghost(x).float()
        target = torch.zeros((1, SAMPLE, SAMPLE), dtype=torch.int64)
        # The losses keep about as much as both of these.
        loss = torch.nn.functional.cross_entropy(logits, target) + logits.softmax(1).square().mean()
        if loss.requires_grad:  # nothing in a forest is trained by gradients
            loss.backward()

    gradients = {parameter.shape for parameter in ghost.parameters()}
    with torch.random.fork_rng(devices=[]):  # dropout
        return most_alive(work, gradients) * batch * patch[0] * patch[1] / SAMPLE**2


def most_alive(work: Callable[[], None], apart: Container[tuple[int, ...]] = ()) -> int:
    """Bytes of all tensors made by `work` that are alive together at the worst moment, but those of shapes `apart`."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    alive, worst = 0, 0
    seen: set[int] = set()

    class Count(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            """Nothing is compiled here; torch would import its compiler, which takes a second, to make sure of it."""
            return False

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal worst
            result = function(*args, **(kwargs or {}))
            for one in result if isinstance(result, (tuple, list)) else (result,):
                if isinstance(one, torch.Tensor) and one.shape not in apart:
                    count(one)
            worst = max(worst, alive)
            return result

    def count(tensor: torch.Tensor) -> None:
        nonlocal alive
        storage = tensor.untyped_storage()
        if storage._cdata not in seen:
            seen.add(storage._cdata)
            alive += storage.nbytes()
            weakref.finalize(storage, release, storage._cdata, storage.nbytes())

    def release(key: int, size: int) -> None:
        nonlocal alive
        seen.discard(key)
        alive -= size

    with Count():  # type: ignore[no-untyped-call]
        work()
    return worst


def largest_edge(budget: int, each: float, least: int) -> int | None:
    """The largest edge of a tile that `budget` bytes hold at `each` bytes a pixel, None if not even `least` fits."""
    edges = (*(edge for edge in EDGES if edge > least), least)
    return next((edge for edge in edges if edge * edge * each * MARGIN <= budget), None)
