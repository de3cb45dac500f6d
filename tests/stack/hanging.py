"""A worker whose consumer can be made to hang for ever: `celery -A tests.stack.hanging worker`.

Everything else of it goes on: its threads, what they send, and its signs of life.
"""

import time
from typing import Any

from celery.worker.control import control_command

from messaging.celery import app

_FOR_EVER = 3600.0


@control_command()
def hang(_state: Any) -> None:
    """Blocks the thread that takes tasks, from within, as a call without a timeout does."""
    time.sleep(_FOR_EVER)


__all__ = ["app"]
