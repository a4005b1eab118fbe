"""Work done ahead of its use, in a thread: reading while the net computes, writing while it goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _End:
    """Last thing in the queue; with what went wrong, if anything."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """The same items in the same order, made in a thread up to `depth` ahead; errors come out where they belong."""
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    unwanted = threading.Event()

    def put(item: T | _End) -> None:
        while not unwanted.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put(item)
                if unwanted.is_set():
                    return
            put(_End())
        except BaseException as error:
            put(_End(error))

    thread = threading.Thread(target=make, name="handful-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()


class Behind(Generic[T]):
    """Calls `work(item)` in a thread for what is put in, in order, at most `depth` waiting.

    As a context: leaving it waits for the last one; what went wrong is raised at the next `put` or at the end.
    """

    def __init__(self, work: Callable[[T], Any], depth: int = 2) -> None:
        self._work = work
        self._waiting: queue.Queue[T | _End] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="handful-behind", daemon=True)

    def _run(self) -> None:
        while not isinstance(item := self._waiting.get(), _End):
            if self._error is None:  # after an error the rest is taken and dropped, or `put` would wait for ever
                try:
                    self._work(item)
                except BaseException as error:
                    self._error = error

    def put(self, item: T) -> None:
        if self._error is not None:
            raise self._error
        self._waiting.put(item)

    def __enter__(self) -> Behind[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(_End())
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error
