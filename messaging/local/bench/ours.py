"""Our side: the service as it is installed, with the settings that it has by default."""

from collections.abc import Sequence

from celery import Celery

from messaging.local.bench.jobs import Jobs
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WORKER

_OTHERS = (BRIDGE, BEAT)
"""They answer as well."""
_LIMIT = 60.0
_FOR_A_SIGN = 1.0
"""Seconds that workers have to answer."""


class Ours(Jobs):
    """A bridge, one worker and beat; more workers where they are wanted."""

    name = "messaging"

    def __init__(self, site: Site) -> None:
        """Start the processes; they are at work once the first text is sent."""
        super().__init__(site, "messaging")
        self._site = site
        self._names = [site.start_command(command) for command in (BRIDGE, WORKER, BEAT)]
        self.workers = 1

    @property
    def pids(self) -> Sequence[int]:
        """All of them, with Postgres and Valkey."""
        return self._site.pids(*self._names)

    def have(self, count: int) -> None:
        """Start workers until there are so many, and return when all take texts.

        Raises Unreachable when they don't. Other sides' Celery workers must not run yet.
        """
        while self.workers < count:
            self.workers += 1
            self._names.append(self._site.start_command(WORKER, self.workers))
        app = Celery("ours", broker=self._site.valkey.url, set_as_current=False)
        try:
            self._site.wait_until(
                lambda: _answering(app, count) == count, _LIMIT, f"{count} workers answer"
            )
        finally:
            app.close()


def _answering(app: Celery, count: int) -> int:
    """How many workers answer: they do once they take tasks. The last of so many ends the wait."""
    signs = app.control.ping(timeout=_FOR_A_SIGN, limit=count + len(_OTHERS))
    return sum(name.startswith(f"{WORKER.name}-") for sign in signs for name in sign)
