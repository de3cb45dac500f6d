"""pytest-celery without containers: its nodes drive real processes on this machine.

pytest-celery 1.3 knows nodes only as Docker containers. What it asks of one is little, and a
process can do it: run, be killed by a signal, be restarted, and show its log.
"""

import os
import signal as signals
from collections.abc import Callable
from typing import Any

from celery import Celery
from pytest_celery import CeleryTestContainer, CeleryTestSetup

from messaging.local.process import wait_until
from messaging.local.valkey import EmbeddedValkey
from tests.stack.child import Child

_START_LIMIT = 30.0


class ProcessContainer(CeleryTestContainer):  # type: ignore[misc]  # it has no annotations
    """A worker process in the place of a container. `answers` says whether Celery hears it."""

    def __init__(self, child: Child, queues: str, answers: Callable[[], bool]) -> None:
        """Nothing starts yet; what the class inherits would ask a Docker client."""
        self.child = child
        self._queues = queues
        self._answers = answers

    @property
    def name(self) -> str:
        """What its log is called."""
        return self.child.name

    @property
    def id(self) -> str:
        """Which process it is at the moment."""
        return str(self.child.process.pid) if self.child.process else "none"

    @property
    def status(self) -> str:
        """In Docker's words."""
        return "running" if self.child.is_running() else "exited"

    def worker_name(self) -> str:
        """What Celery calls it, without the host."""
        return self.child.name

    def worker_queue(self) -> str:
        """What it takes its tasks from."""
        return self._queues

    def ready(self) -> bool:
        """Whether it answers, after a wait."""
        return wait_until(lambda: self.child.is_running() and self._answers(), limit=_START_LIMIT)

    def logs(self) -> str:
        """What it has printed so far."""
        return self.child.text()

    def kill(self, signal: str | int | None = None) -> None:
        """Sends it a signal, SIGKILL if none is named; after that one it is gone."""
        number = signals.Signals[signal] if isinstance(signal, str) else signal or signals.SIGKILL
        if number == signals.SIGKILL:
            self.child.kill()
        elif self.child.process:
            self.child.process.ask(signals.Signals(number))

    def restart(self, timeout: float = 10) -> None:
        """Ends it, if it still runs, and starts it again."""
        if self.child.process:
            self.child.stop(within=timeout)
        self.child.start()
        assert self.ready(), f"{self.name} does not answer after its restart"

    def reload(self) -> None:
        """Nothing: what we say is always how it is."""

    def teardown(self) -> None:
        """Ends it for good."""
        self.child.kill()


class ValkeyContainer(CeleryTestContainer):  # type: ignore[misc]
    """The embedded Valkey in the place of a broker's container."""

    def __init__(self, valkey: EmbeddedValkey) -> None:
        """It runs already, and somebody else ends it."""
        self._valkey = valkey

    @property
    def name(self) -> str:
        """What it is."""
        return self._valkey.name

    @property
    def id(self) -> str:
        """Which process it is at the moment."""
        return str(self._valkey.pid)

    @property
    def status(self) -> str:
        """In Docker's words."""
        return "running" if self._valkey.exit_code() is None else "exited"

    @property
    def celeryconfig(self) -> dict[str, str]:
        """Where workers and tests find it; on one machine that is the same place."""
        return {"url": self._valkey.url, "host_url": self._valkey.url}

    def ready(self) -> bool:
        """It starts only once it answers."""
        return self.status == "running"

    def kill(self, signal: str | int | None = None) -> None:
        """Ends it with -9 and all that it holds."""
        os.kill(self._valkey.pid, signals.SIGKILL)
        assert wait_until(lambda: self.status == "exited", limit=_START_LIMIT)

    def restart(self, timeout: float = 10) -> None:
        """Starts it again, empty, at the same port."""
        self._valkey.launch()

    def reload(self) -> None:
        """Nothing: what we say is always how it is."""


class PrivateSetup(CeleryTestSetup):  # type: ignore[misc]
    """A setup whose app does not become the current one of all tests that follow."""

    @classmethod
    def create_setup_app(cls, celery_setup_config: Any, celery_setup_app_name: str) -> Celery:
        """An app with the broker of the setup."""
        app = Celery(celery_setup_app_name, set_as_current=False)
        app.config_from_object(celery_setup_config)
        return app

    def teardown(self) -> None:
        """Closes the app's connections."""
        self.app.close()
