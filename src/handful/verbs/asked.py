"""What a training was asked for, checked before any work: a misspelt name must not cost a minute of reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handful.errors import SettingsError
from handful.names import nearest
from handful.start import NO_START, STARTER, refuse_of_a_start
from handful.verbs.start import start_file


def check_asked(overrides: Mapping[str, Any], *, device: str) -> None:
    """Raise for a task, net, loss, setting, start model or device that does not exist or does not fit.

    Raises SettingsError and ModelFileError. What depends on the data is left to the plan.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    init = given.pop("init", None)
    if init == NO_START:
        refuse_of_a_start(given, "as told")
    elif init is not None:
        given = {"net": check_init(init, given.get("net"))} | given
    if device not in ("auto", "cpu"):
        from handful.prediction.segmenter import choose_device

        choose_device(device)
    if given:
        check_overrides(given)


def check_overrides(given: Mapping[str, Any]) -> None:
    """Every line of the plan that is given, as far as it can be judged without data."""
    import torch

    from handful.limits import check_settings
    from handful.losses import build_loss
    from handful.models import build_net
    from handful.normalise import KINDS
    from handful.plan import TASKS, read_scale
    from handful.settings import TrainSettings

    rest = dict(given)
    for name, known in (("task", TASKS), ("normalisation", KINDS)):
        value = rest.pop(name, known[0])
        if value not in known:
            flag = "--task" if name == "task" else "setting normalisation ="
            raise SettingsError(
                f"{flag} {value}: does not exist. There are {', '.join(known)}.{nearest(str(value), known)}"
            )
    read_scale(rest.pop("scale", "none"))
    settings = TrainSettings().with_values(rest)
    check_settings(settings)
    build_loss(settings.loss, **settings.loss_settings)
    try:
        with torch.device("meta"):  # no memory, no time
            build_net(settings.net, in_channels=1, classes=2, **settings.net_settings)
    except SettingsError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise SettingsError(
            f"setting net_settings = {settings.net_settings}: no such net can be built ({error})."
        ) from None


def check_init(init: str, net: str | None) -> str:
    """The net of a model to start from, which must exist and be of the net that is asked for."""
    from handful.modelfile import read_card

    file = start_file(init)
    if not file.exists() and (hint := nearest(init, (NO_START, STARTER))):
        raise SettingsError(f"--init {init}: no such model file.{hint}")
    card = read_card(file)
    if card.net == "forest":
        raise SettingsError(
            f"--init {init}: this is a pixel forest, from which nothing can be trained on. Give a net: train it with "
            "--net quick."
        )
    if net is not None and card.net != net:
        raise SettingsError(
            f"--init {init}: its net is {card.net}, the one to be trained {net}. "
            f"Give a model of the same net, or --net {card.net}."
        )
    return card.net
