"""`pretrain`: start weights from generated pictures, as the model file that `train --init` takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handful.errors import OutputError, SettingsError
from handful.modelfile import ModelCard, save_model, tile_of
from handful.names import nearest
from handful.verbs.listener import SILENT, Listener

if TYPE_CHECKING:
    from handful.training.pretraining import Pretraining, PretrainSettings

SECONDS = 3600.0


def pretrain(
    out: str | Path,
    *,
    seconds: float | None = None,
    rounds: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    listener: Listener = SILENT,
) -> Path:
    """Learn start weights from lessons of generated pictures and write them to the model file `out`, half precision.

    seconds: for this piece of work (an hour). rounds: fixes the work in all instead; what is missing of it after
    `seconds`, where both are given, is left for `resume`, which goes on from the checkpoint beside `out`.
    settings: fields of `PretrainSettings`.

    Returns the model file. Raises SettingsError, OutputError and ModelFileError.
    """
    out = Path(out)
    if out.exists() and not (overwrite or resume):
        raise OutputError(f"{out} is there already. Name another file, or give --overwrite.")
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: no such folder. Make it, or name another file.")
    for name, value in (("rounds", rounds), ("seconds", seconds)):
        if value is not None and value <= 0:
            raise SettingsError(f"--{name} {value:g}: more than 0 was expected.")
    import torch

    from handful.machine import look_at_machine
    from handful.plan import choose_precision
    from handful.prediction.segmenter import choose_device
    from handful.training.clock import Clock
    from handful.training.pretraining import Pretraining, pretrain

    started = time.monotonic()
    asked = read_settings(settings or {})
    machine = look_at_machine(choose_device(device))
    precision, _ = choose_precision(machine)
    run = Pretraining(asked, torch.device(machine.device), precision)
    checkpoint = out.with_suffix(".checkpoint")
    if resume:
        run.restore(checkpoint)
    listener.say(f"lessons  {', '.join(asked.families)}; pictures of {asked.size} x {asked.size}")

    def report(done: float, loss: float) -> None:
        listener.progress("pretraining", done, f"round {run.rounds}, Dice {1 - loss:.3f}")

    clock = Clock(SECONDS if seconds is None else seconds, started, steps=rounds)
    until = started + seconds if rounds is not None and seconds is not None else None
    pretrain(run, clock, checkpoint=checkpoint, until=until, on_round=report)
    save_model(out, run.result().half(), start_card(run))
    left = "" if rounds is None or run.rounds >= rounds else f" of {rounds}: go on with --resume"
    listener.say(f"written  {out}: {run.rounds} rounds{left}, {run.steps} steps")
    return out


def read_settings(given: Mapping[str, Any]) -> PretrainSettings:
    """Raises SettingsError for a name that does not exist or a value of another kind."""
    from handful.models import build_net
    from handful.settings import replace_field
    from handful.synth.families import FAMILIES
    from handful.training.pretraining import PretrainSettings

    settings = PretrainSettings()
    for name, value in given.items():
        if name == "families":
            value = tuple(value.split(",") if isinstance(value, str) else value)
            for one in value:
                if one not in FAMILIES:
                    raise SettingsError(f"families: there is no {one!r}.{nearest(str(one), FAMILIES)}")
            settings = replace(settings, families=value)
        else:
            settings = replace_field(settings, name, value)
    net = build_net("quick", in_channels=3, classes=2, **settings.net)
    multiple = int(getattr(net, "multiple", 1))
    if settings.size < multiple or settings.size % multiple:
        raise SettingsError(f"size = {settings.size}: a multiple of {multiple} was expected, such as 128.")
    if settings.batch < 1:
        raise SettingsError(f"batch = {settings.batch}: at least one picture a step was expected.")
    return settings


def start_card(run: Pretraining) -> ModelCard:
    """The card of a start model: its record of what was learnt from stands in `training`."""
    net = run.net
    return ModelCard(
        net="quick",
        net_settings=run.settings.net,
        channels=3,
        classes=("ground", "asked for"),
        outputs=2,
        normalisation={"kind": "image", "per_channel": False},
        tile=tile_of(net.halo),
        halo=net.halo,
        multiple=net.multiple,
        training={
            "pretraining": asdict(run.settings),
            "rounds": run.rounds,
            "steps": run.steps,
            "dice_by_round": [round(1 - loss, 3) for loss in run.history],
        },
    )
