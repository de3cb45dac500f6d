"""Our side: the service as it is installed, with the settings that it has by default."""

from collections.abc import Sequence

from messaging.local.bench.jobs import Jobs
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WORKER

_COMMANDS = (BRIDGE, WORKER, BEAT)


class Ours(Jobs):
    """A bridge, one worker and beat."""

    name = "messaging"

    def __init__(self, site: Site) -> None:
        """Start the processes; they are at work once the first text is sent."""
        super().__init__(site, "messaging")
        self._site = site
        for command in _COMMANDS:
            site.start_command(command)

    @property
    def pids(self) -> Sequence[int]:
        """The three, with Postgres and Valkey."""
        return self._site.pids(*(command.name for command in _COMMANDS))
