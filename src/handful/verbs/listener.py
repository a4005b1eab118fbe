"""Who hears how a long piece of work goes on: the library stays silent, the command line prints."""

from __future__ import annotations


class Listener:
    """Hears nothing of it; override what should be heard."""

    def say(self, text: str) -> None:
        """A line that stays: a finding, a choice, a remedy."""

    def progress(self, what: str, done: float, detail: str = "") -> None:
        """`what` is `done` (0 to 1); detail is a few words and numbers."""


SILENT = Listener()
