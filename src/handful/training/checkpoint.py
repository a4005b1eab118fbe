"""The state of a run on disk, from which `--resume` goes on. Tensors and JSON in one safetensors file, never pickle."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handful.errors import ModelFileError, OutputError
from handful.training.muon import state_names

ADAMW_STATE = ("step", "exp_avg", "exp_avg_sq")  # what torch's keeps of each parameter
COUNTS = ("count", "step")  # numbers, where all else is of the parameter's shape


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state by names that a fresh optimiser of the same net can find again."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return {
        f"{number}.{name}": value
        for number, p in enumerate(parameters)
        if p in optimiser.state  # to ask for it would make an empty one
        for name, value in optimiser.state[p].items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give a fresh optimiser the state that `optimiser_tensors` named; ValueError where it is not one of its kind."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        p = parameters[int(number)]
        if value.shape == p.shape:
            # In the parameter's own layout in memory: sums run in the order of an unbroken run.
            value = torch.empty_like(p, dtype=value.dtype).copy_(value)
        elif name != "count":  # Muon counts on the CPU, torch's fused AdamW beside the parameter
            value = value.to(p.device)
        optimiser.state[p][name] = value
    for group in optimiser.param_groups:
        names = state_names(group) if "muon" in group else ADAMW_STATE
        for p in group["params"]:
            state = optimiser.state.get(p)
            shapes = {name: () if name in COUNTS else tuple(p.shape) for name in names}
            if state and {name: tuple(one.shape) for name, one in state.items()} != shapes:
                raise ValueError("what its optimiser keeps is not what this one does")


def save_checkpoint(path: Path, parts: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
    """Write tensors, as 'part.name', and facts, whole or not at all. Raises OutputError where that fails."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {f"{part}.{name}": t.contiguous() for part, named in parts.items() for name, t in named.items()}
    unfinished = unfinished_name(path)
    try:
        save_file(tensors, unfinished, {"facts": json.dumps(facts)})
        os.replace(unfinished, path)
    except (OSError, SafetensorError) as error:
        clear_unfinished(path)
        raise OutputError(f"{path}: the checkpoint could not be written ({error}): make room there") from None


def unfinished_name(path: Path) -> Path:
    """Where a checkpoint lies until it is whole."""
    return path.with_suffix(".part")


def clear_unfinished(path: Path) -> None:
    """Take away what a run that was killed or short of disk left half written."""
    with suppress(OSError):  # a folder that cannot be written to is said where the checkpoint is written
        unfinished_name(path).unlink(missing_ok=True)


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Tensors by part and name, and facts. Raises ModelFileError where the file is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    parts: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
            for key in file.keys():  # noqa: SIM118
                part, _, name = key.partition(".")
                parts.setdefault(part, {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise not_resumable(path, f"it is damaged or no checkpoint: {error}") from None
    return parts, facts


def check_tensors(path: Path, net: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Raises ModelFileError unless the tensors are those of `net` by name and shape."""
    ours = {name: tuple(t.shape) for name, t in net.state_dict().items()}
    theirs = {name: tuple(t.shape) for name, t in tensors.items()}
    if ours != theirs:
        different = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        raise not_resumable(path, f"it is of another net, {different[0]} and {len(different) - 1} more tensors differ")


def plain_settings(settings: Any) -> dict[str, Any]:
    """A record of settings as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain


def check_same_settings(path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Raises ModelFileError unless both runs have the same settings."""
    for name in (*ours, *theirs):
        if ours.get(name) != theirs.get(name):
            raise not_resumable(path, f"its {name} is {theirs.get(name)!r} where this run has {ours.get(name)!r}")


def not_resumable(path: Path, why: str) -> ModelFileError:
    """One sentence: which file, what is wrong with it, what to do."""
    return ModelFileError(f"{path}: training cannot go on from this file ({why}); train again without --resume.")
