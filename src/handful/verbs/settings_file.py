"""settings.toml: the plan of a run with its reasons, to read and to train again by (`--settings`)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.errors import SettingsError

if TYPE_CHECKING:
    from handful.plan import Plan


def settings_text(plan: Plan, command: str) -> str:
    """TOML: a line a setting, its reason behind it."""
    reasons = {line.name: line.reason for line in plan.lines}
    values: dict[str, Any] = {
        "task": plan.task,
        "scale": " ".join(str(part) for part in plan.scale.values()),
        "normalisation": plan.normalisation["kind"],
        "init": plan.init,
        **vars(plan.training),
    }
    lines = [f"# {command}", "# Train by these again: handful train DATA --settings settings.toml", ""]
    tables = []
    for name, value in values.items():
        reason = f"  # {reasons[name]}" if reasons.get(name) else ""
        if is_dataclass(value) and not isinstance(value, type):
            tables += ["", f"[{name}]{reason}"] + [f"{key} = {toml_value(one)}" for key, one in asdict(value).items()]
        else:
            lines.append(f"{name} = {toml_value(value)}{reason}")
    return "\n".join(lines + tables) + "\n"


def toml_value(value: Any) -> str:
    """A number, text, list or small dict as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # JSON's numbers, booleans and strings are TOML's


def read_settings(path: str | Path) -> dict[str, Any]:
    """Settings by name, ready to override a plan; SettingsError where the file is missing or no TOML."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: the settings cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is no TOML file ({error}).") from None
    return content
