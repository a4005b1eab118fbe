"""The state of a run on disk, from which `--resume` goes on. Tensors and JSON in one safetensors file, never pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handful.errors import ModelFileError


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state by names that a fresh optimiser of the same net can find again."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return {
        f"optimiser.{number}.{name}": value
        for number, p in enumerate(parameters)
        for name, value in optimiser.state[p].items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for key, value in tensors.items():
        kind, *rest = key.split(".")
        if kind == "optimiser":
            # A count stays on the CPU in its own kind of number; moments go where the parameter is.
            parameter = parameters[int(rest[0])]
            optimiser.state[parameter][rest[1]] = value if value.ndim == 0 else value.to(parameter.device)


def save_checkpoint(path: Path, nets: dict[str, nn.Module], optimiser: torch.optim.Optimizer, facts: dict[str, Any]) -> None:
    """Write all of it, whole or not at all."""
    from safetensors.torch import save_file

    tensors = optimiser_tensors(optimiser)
    for prefix, net in nets.items():
        tensors |= {f"{prefix}.{name}": value for name, value in net.state_dict().items()}
    temporary = path.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, {"facts": json.dumps(facts)})
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts. Raises ModelFileError where the file is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: this is no checkpoint that training can go on from ({error}). "
                             "Train again without --resume.") from None


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one net."""
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
