"""What a training run is told: one frozen record, every field a line of the plan and of settings.toml."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from handful.augment import Colour, Geometry, expand_augment
from handful.errors import SettingsError
from handful.names import nearest


@dataclass(frozen=True)
class TrainSettings:
    """The settings of the training loop. What the plan chooses from the data has no default worth trusting here."""

    net: str = "quick"
    net_settings: dict[str, Any] = field(default_factory=dict)
    loss: str = "cross_entropy+dice"
    loss_settings: dict[str, Any] = field(default_factory=dict)
    patch: tuple[int, int] = (256, 256)  # rows, columns of a sample
    batch: int = 8
    learning_rate: float = 0.03
    optimiser: str = "muon"  # or adamw
    weight_decay: float = 0.01
    warmup: float = 0.05  # share of the training in which the learning rate rises
    focus: float = 0.3  # share of the samples centred on a class drawn evenly
    interior: bool = False  # whether the net also answers the interior of objects, see handful.interior
    hardness: float = 0.4  # images are drawn by their recent loss to this power; 0: all alike
    paste: float = 0.0  # chance of a sample to have objects of another pasted into it
    average_share: float = 0.1  # weights are averaged over about the last 1 / (1 + ...) of the steps
    init_freeze: float = 0.0  # share of the training in which the encoder taken over from a model is held still
    init_rate: float = 1.0  # learning rate of all that was taken over, as a share of the others'
    # Of what was taken over of the encoder, as a share of init_rate, where it tells the classes before the first step.
    init_encoder_rate: float = 1.0
    # Where its own last layer tells the classes: how far all of it goes, in steps at init_rate; 0: as far as there are.
    init_known_steps: float = 0.0
    # The same where it is the features that tell them, and the last layer is new.
    init_feature_steps: float = 0.0
    # Share of the training, at most, in which it is tried whether images that are left out gain from more than those.
    init_rehearsal: float = 0.0
    precision: str = "float32"  # or bfloat16, where the machine computes it faster
    geometry: Geometry = field(default_factory=Geometry)
    colour: Colour = field(default_factory=Colour)
    seed: int = 0

    def with_values(self, values: dict[str, Any]) -> TrainSettings:
        """The settings with some of them replaced; 'geometry.zoom' names a part of a part.

        'augment' is short for parts of geometry and colour: see `handful.augment.expand_augment`.

        Raises SettingsError for a name that does not exist or a value of the wrong kind.
        """
        settings = self
        for name, value in expand_augment(values).items():
            settings = replace_field(settings, name, value)
        return settings


def replace_field(record: Any, name: str, value: Any) -> Any:
    first, _, rest = name.partition(".")
    known = {one.name: getattr(record, one.name) for one in fields(record)}
    if first not in known:
        raise SettingsError(
            f"setting {name}: there is none of that name.{nearest(first, known)} Settings: {', '.join(known)}."
        )
    old = known[first]
    if rest:
        if isinstance(old, dict):
            return replace(record, **{first: {**old, rest: value}})
        if not hasattr(old, "__dataclass_fields__"):
            raise SettingsError(f"setting {name}: {first} has no parts.")
        return replace(record, **{first: replace_field(old, rest, value)})
    return replace(record, **{first: fit_kind(name, value, old)})


def fit_kind(name: str, value: Any, old: Any) -> Any:
    """`value` as the kind of the value it replaces, or a SettingsError."""
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(old, tuple):
        if isinstance(value, int):
            value = (value,) * len(old)
        if isinstance(value, list | tuple) and len(value) == len(old):
            return tuple(fit_kind(name, part, whole) for part, whole in zip(value, old, strict=True))
    elif isinstance(value, type(old)) and isinstance(value, bool) == isinstance(old, bool):
        return value
    elif hasattr(old, "__dataclass_fields__") and isinstance(value, dict):
        for key, part in value.items():
            old = replace_field(old, key, part)
        return old
    expected = f"parts, such as {{NAME = 1}} or {name}.NAME=1" if old == {} else f"{type(old).__name__} like {old!r}"
    raise SettingsError(f"setting {name} = {value!r}: expected {expected}.")
