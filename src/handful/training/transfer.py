"""Starting from a trained model: which of its tensors a fresh net takes over, and what stays frozen or slower.

Running statistics are taken over with the weights that they belong to. A last layer for other classes stays fresh. A
first convolution for other channels is fitted to them; Yosinski et al. 2014 is why the rest is worth having.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from handful.errors import SettingsError

HEAD = "head."
# What leads down to the lowest level in every net of the registry; the rest leads back up.
ENCODER = ("stem", "down", "pool", "bottleneck")


@dataclass(frozen=True)
class Transfer:
    """What a net takes over: `tensors` by name, of which those `adapted` were fitted to other channels; `fresh` are the
    names of the others. `source` is the model file, `classes` those it was trained for, `why` says what differs."""

    source: str
    classes: tuple[str, ...]
    tensors: dict[str, Tensor] = field(repr=False)
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]
    why: tuple[str, ...] = ()

    @torch.no_grad()
    def copy_to(self, net: nn.Module) -> None:
        """Overwrite what was taken over, in place; what is fresh stays as it is."""
        own = net.state_dict()
        for name, value in self.tensors.items():
            own[name].copy_(value)

    def words(self) -> str:
        """One line for people: how many tensors, from where, and what is new."""
        total = len(self.tensors) + len(self.fresh)
        text = f"{len(self.tensors)} of {total} tensors from {self.source} ({', '.join(self.classes)})"
        if self.adapted:
            text += f"; fitted to other channels: {', '.join(self.adapted)}"
        if self.fresh:
            more = ", ..." if len(self.fresh) > MOST_NAMED else ""
            text += f"; new: {', '.join(self.fresh[:MOST_NAMED])}{more}"
        return text + "".join(f"; {reason}" for reason in self.why)

    def record(self) -> dict[str, Any]:
        """For the model's card."""
        return {
            "from": self.source,
            "classes": list(self.classes),
            "taken": len(self.tensors),
            "adapted": list(self.adapted),
            "fresh": list(self.fresh),
            "why": list(self.why),
        }


MOST_NAMED = 6


def plan_transfer(
    net: nn.Module,
    source: nn.Module,
    *,
    where: str,
    classes: tuple[Sequence[str], Sequence[str]],
    channels: tuple[int, int],
) -> Transfer:
    """What `net` can take over from `source`, by name and shape.

    where: the source's file, for messages. classes, channels: of the source, then of the net. Other class names leave
    the head fresh; other channels fit the first convolution, see `fit_channels`. Raises SettingsError where no
    convolution beside the head can be taken over.
    """
    theirs, ours = source.state_dict(), net.state_dict()
    same_head = tuple(classes[0]) == tuple(classes[1])
    first = first_kernel(net) if channels[0] != channels[1] else ""
    tensors: dict[str, Tensor] = {}
    for name, own in ours.items():
        value = theirs.get(name)
        if value is None or (name.startswith(HEAD) and not same_head):
            continue
        if name == first and value.ndim == own.ndim == 4 and value.shape[2:] == own.shape[2:]:
            value = fit_channels(value, *channels)
        if value.shape == own.shape:
            tensors[name] = value.detach().clone()
    if not any(value.ndim == 4 and not name.startswith(HEAD) for name, value in tensors.items()):
        raise SettingsError(
            f"--init {where}: none of its convolutions fits this net. Leave net_settings out, to take over those of "
            "the model, or give a model of the same net."
        )
    why = []
    if not same_head:
        why.append(f"the last layer is new, since the classes are others ({', '.join(classes[1])})")
    if first in tensors:
        why.append(f"the first took images of {channels[0]} channels, now {channels[1]}")
    return Transfer(
        where,
        tuple(classes[0]),
        tensors,
        tuple(name for name in (first,) if name in tensors),
        tuple(name for name in ours if name not in tensors),
        tuple(why),
    )


def first_kernel(net: nn.Module) -> str:
    """Name of the weight that meets the image's channels: that of the first convolution."""
    return next(f"{name}.weight" for name, part in net.named_modules() if isinstance(part, nn.Conv2d))


def fit_channels(kernel: Tensor, have: int, wanted: int) -> Tensor:
    """A kernel (out, have * k, h, w) as (out, wanted * k, h, w): k neighbouring inputs belong to one channel.

    One channel to several or several to one: the answer to a grey image stays what it was. Else common channels keep
    their kernels, and further ones begin at 0, as the net knows nothing about them.
    """
    out, inputs, *size = kernel.shape
    by_channel = kernel.reshape(out, have, inputs // have, *size)
    if wanted == 1:
        fitted = by_channel.sum(1, keepdim=True)
    elif have == 1:
        fitted = (by_channel / wanted).expand(-1, wanted, *by_channel.shape[2:])
    else:
        fitted = by_channel.new_zeros(out, wanted, *by_channel.shape[2:])
        common = min(have, wanted)
        fitted[:, :common] = by_channel[:, :common]
    return fitted.reshape(out, -1, *size)


class Freezer:
    """Holds still what the encoder took over, running statistics too; `hold` may be called at every step."""

    def __init__(self, net: nn.Module, taken: Transfer) -> None:
        self._parameters = [
            p for name, p in net.named_parameters() if name.startswith(ENCODER) and name in taken.tensors
        ]
        self._parts = [
            part
            for name, part in net.named_modules()
            if name.startswith(ENCODER) and f"{name}.running_mean" in taken.tensors
        ]

    def hold(self, frozen: bool) -> None:
        """After `net.train()`, which would let running statistics run again."""
        for p in self._parameters:
            p.requires_grad_(not frozen)
        if frozen:
            for part in self._parts:
                part.eval()


def slow_down(optimiser: torch.optim.Optimizer, net: nn.Module, taken: Transfer, factor: float) -> None:
    """Give the parameters that were taken over a learning rate `factor` times that of their group.

    Afterwards `encoder` says of each group whether it is what was taken over of the encoder.
    """
    parts: dict[int, tuple[bool, bool]] = {}
    for name, p in net.named_parameters():
        known = name in taken.tensors
        parts[id(p)] = known, known and name.startswith(ENCODER)
    groups = []
    for group in optimiser.param_groups:
        for part in sorted({parts[id(p)] for p in group["params"]}):
            known, encoder = part
            params = [p for p in group["params"] if parts[id(p)] == part]
            rate = group["lr"] * factor if known else group["lr"]
            groups.append({**group, "params": params, "lr": rate, "encoder": encoder})
    optimiser.param_groups = groups
