"""Whether a reader takes a file as it should: an answer or a HandfulError, in bounded time and memory."""

from __future__ import annotations

import resource
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from readers import Reader

from handful.errors import HandfulError

MOST_MEMORY = 1 << 30  # bytes beyond what there is; the valid files take less than one megabyte
MOST_SECONDS = 10


class SlowError(BaseException):  # decoders catch every Exception
    """A reader took too long."""


@contextmanager
def bounded() -> Iterator[None]:
    """No more memory than this (the system refuses it), no more seconds."""

    def too_late(*_: Any) -> None:
        raise SlowError(f"more than {MOST_SECONDS} s")

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, too_late)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS, 1)  # again, in case somebody swallows it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def fault(reader: Reader, content: bytes, folder: Path) -> str:
    """What is wrong with how a reader takes this file; "" where nothing is."""
    path = folder / reader.file
    path.write_bytes(content)
    try:
        with bounded(), warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            reader.read(path)
    except HandfulError as error:
        said = str(error)
        if is_out_of_memory(error):
            return f"asked for more than {MOST_MEMORY >> 20} MB: {said}"
        if not said or len(said) > 2000 or "Traceback" in said:
            return f"a message nobody reads: {said[:300]!r}"
    except (Exception, SlowError):
        return traceback.format_exc()
    return "".join(f"warned: {one.message}" for one in heard if not issubclass(one.category, ResourceWarning))


def place_in_code(wrong: str) -> str:
    """What faults that come from one place have in common."""
    return "".join(wrong.splitlines()[-3:])[:200]


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, is that memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError) or "allocate" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
