"""One finding about the data, in words: which file, what is wrong, what to do."""

from __future__ import annotations

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"
NOTE = "note"


@dataclass(frozen=True)
class Problem:
    """A finding of the audit.

    `where` is the file (or folder) as seen from the data folder; `message` says what, what was expected and what
    to do; `severity` is "error" (the pair cannot be used and is left out), "warning" or "note".
    """

    where: str
    message: str
    severity: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"
