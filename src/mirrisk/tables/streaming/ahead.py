"""Work ahead: the next part is read while the last one is scored."""

from __future__ import annotations

from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

T = TypeVar("T")

WAIT = 0.1
"""Seconds after which the reader looks whether anyone still wants what it reads."""


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """Yield items that a thread makes, one ahead; its errors are raised here.

    Arrow parses without holding Python's lock, so that this takes a second core. Arrow's own
    threads are not used beside it: one of them may let go of a block of ours when Python is gone
    already, and end the process by an abort (seen in 1 of 100 short runs).
    """
    queue: Queue[tuple[T | None, BaseException | None]] = Queue(maxsize=1)
    stopped = Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                queue.put((item, error), timeout=WAIT)
            except Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put(item, None)
                if stopped.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    thread = Thread(target=make, name="mirrisk reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()
