"""Our side: the service as it is installed, with the settings that it has by default."""

from collections.abc import Sequence

from messaging.local.bench.jobs import Jobs
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WORKER


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

    def add_worker(self) -> None:
        """Start one more; it is at work some seconds later."""
        self.workers += 1
        self._names.append(self._site.start_command(WORKER, self.workers))
