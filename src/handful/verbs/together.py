"""One command in several processes, started by torchrun: the first does it, the others help it train."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any


def together(work: Callable[[], Any]) -> Any:
    """Do `work` where this is the first process or the only one; else help until the first is finished.

    SystemExit with status 1 in a helper whose first process is gone. Raises SettingsError where the environment that
    torchrun sets makes no sense; of several processes only the first says so.
    """
    from handful.errors import HandfulError
    from handful.training.processes import join_crew

    try:
        crew = join_crew()
    except HandfulError:
        if os.environ.get("RANK") not in (None, "", "0"):
            raise SystemExit(2) from None
        raise
    if not crew.leads:
        help_first(crew)
        return None
    try:
        return work()
    finally:
        crew.dismiss()


def help_first(crew: Any) -> None:
    """Take part in every training that the first process hands on, until it dismisses its helpers."""
    from handful.training.loop import help_with
    from handful.training.processes import is_lost

    for kind in (signal.SIGINT, signal.SIGTERM):  # the first process decides when to stop
        signal.signal(kind, signal.SIG_IGN)
    try:
        while (errand := crew.hear()) is not None:
            help_with(errand, crew)
    except RuntimeError as error:
        if is_lost(error):
            raise SystemExit(1) from None
        raise
    crew.dismiss()
