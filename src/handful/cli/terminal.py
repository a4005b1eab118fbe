"""What a person at a terminal sees of long work: lines that stay, and one line that moves, on stderr."""

from __future__ import annotations

import shutil
import sys
import time

from handful.verbs.listener import Listener


class Terminal(Listener):
    """Writes to stderr. Where that is no terminal (a log file), the moving line becomes a line every ten seconds."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._last = 0.0
        self._moving = False

    def say(self, text: str) -> None:
        self._clear()
        print(text, file=sys.stderr, flush=True)

    def progress(self, what: str, done: float, detail: str = "") -> None:
        now = time.monotonic()
        if now - self._last < (0.1 if self.live else 10.0):
            return
        self._last = now
        filled = round(20 * min(max(done, 0.0), 1.0))
        text = f"{what:10} {'━' * filled}{'·' * (20 - filled)} {100 * done:3.0f} %  {detail}"
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[2K{text[:width]}", end="", file=sys.stderr, flush=True)
            self._moving = True
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the moving line away, so that what follows begins on a clean one."""
        self._clear()

    def _clear(self) -> None:
        if self._moving:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._moving = False
