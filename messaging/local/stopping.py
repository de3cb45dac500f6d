"""Being stopped from outside, so that what was begun is cleaned up."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""What shells return for a program that Ctrl-C ended."""
_CLEANING_UP = 15.0
"""Seconds that it may take; it is done within one or two."""


@contextmanager
def stoppable() -> Iterator[None]:
    """While it lasts, SIGTERM and a closed terminal stop as Ctrl-C does.

    Further ones do nothing while the cleaning up may last, and then stop again: Python drops a
    KeyboardInterrupt that comes while it destroys an object.
    """
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    deaf_until = 0.0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal deaf_until
        if time.monotonic() > deaf_until:
            deaf_until = time.monotonic() + _CLEANING_UP
            raise KeyboardInterrupt

    before = {name: signal.signal(name, stop) for name in names}
    try:
        yield
    finally:
        for name, old in before.items():
            signal.signal(name, old)
