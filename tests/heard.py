"""A listener that keeps the lines that are said."""

from __future__ import annotations

from handful.verbs.listener import Listener


class Heard(Listener):
    """What was said, line by line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)
