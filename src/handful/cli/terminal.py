"""What a person at a terminal sees of long work: lines that stay, and one line that moves, on stderr."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable

from handful.verbs.listener import Listener


class Terminal(Listener):
    """Writes to stderr. Where that is no terminal (a log file), the moving line becomes a line every ten seconds."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._last = 0.0 if self.live else time.monotonic()  # a log needs no line for what is done at once
        self._moving = False

    def say(self, text: str) -> None:
        self._clear()
        print(fold(text, columns()) if self.live else text, file=sys.stderr, flush=True)

    def progress(self, what: str, done: float, detail: str = "") -> None:
        now = time.monotonic()
        if now - self._last < (0.1 if self.live else 10.0):
            return
        self._last = now
        if self.live:
            print(f"\r\x1b[2K{bar(what, done, detail, columns())}", end="", file=sys.stderr, flush=True)
            self._moving = True
        else:
            print(f"{what} {100 * done:.0f} %  {detail}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the moving line away, so that what follows begins on a clean one."""
        self._clear()

    def _clear(self) -> None:
        if self._moving:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._moving = False


WIDEST = 110  # characters: longer lines are hard to read, however wide the window
BAR = 20
COLUMN = re.compile(r"\S {2,}(?=\S)")


def columns() -> int:
    """Characters that fit on a line, one kept free: a full last column makes some terminals break the line."""
    return min(shutil.get_terminal_size().columns - 1, WIDEST)


def show(lines: Iterable[str]) -> None:
    """Results on stdout; at a terminal sentences are broken at words, rows of a table left as they are."""
    for line in lines:
        words = sys.stdout.isatty() and len(COLUMN.findall(line)) < 2
        print(fold(line, columns()) if words else line)


def fold(text: str, width: int) -> str:
    """A line broken at words, what follows set under the last of its columns (two spaces begin one)."""
    if len(text) <= width:
        return text
    starts = [found.end() for found in COLUMN.finditer(text) if found.end() <= 0.6 * width]
    if text.startswith(" "):
        starts.append(len(text) - len(text.lstrip()))
    return "\n".join(
        textwrap.wrap(
            text,
            width,
            subsequent_indent=" " * max(starts, default=0),
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def bar(what: str, done: float, detail: str, width: int) -> str:
    """`training   ━━━━━━━━············  40 %  step 12, ...`, cut to the width."""
    filled = round(BAR * min(max(done, 0.0), 1.0))
    return f"{what:10} {'━' * filled}{'·' * (BAR - filled)} {100 * done:3.0f} %  {detail}"[:width]
