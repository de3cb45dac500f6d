"""A beat of the tests' own: it has jobs looked after every second, where ours takes five."""

import contextlib
from threading import Event, Thread
from typing import Self

from celery import Celery
from kombu.exceptions import KombuError

_TASKS = ("messaging.sweep", "messaging.reconcile")
_EVERY = 1.0


class Impatience:
    """Starts the periodic tasks that find what was left behind, while it is open.

    Any number of them at once is harmless; so is one that gets lost.
    """

    def __init__(self, broker: str) -> None:
        """Nothing starts yet; use it with `with`."""
        self._app = Celery(broker=broker, set_as_current=False)
        self._over = Event()
        self._thread = Thread(target=self._run, name="impatience")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._app.close()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            # A connection for each time: tests kill Redis, and reset kombu's pools of them.
            with (
                contextlib.suppress(KombuError, OSError),
                self._app.connection_for_write() as connection,
            ):
                for name in _TASKS:
                    self._app.send_task(
                        name, queue="upkeep", connection=connection, retry=False, expires=_EVERY
                    )
