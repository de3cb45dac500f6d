"""The commands of our processes: what the Procfile says, for `messaging up` to run."""

import shlex
import sys
from dataclasses import dataclass

_PROGRAMS = {
    "python": (sys.executable,),
    "celery": (sys.executable, "-m", "celery", "--quiet"),  # quiet: no banner
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process of the service. `stage` and `patience` are those of `supervisor.Role`."""

    name: str
    line: str
    """As in the Procfile."""
    stage: int
    patience: float

    @property
    def argv(self) -> tuple[str, ...]:
        """To be run with this interpreter and its packages, whatever PATH says."""
        program, *words = shlex.split(self.line)
        return (*_PROGRAMS[program], *words)


WEB = Command(name="web", line="python -m messaging.web", stage=1, patience=3.0)
WORKER = Command(
    name="worker",
    line="celery -A messaging.celery worker -Q deliver.urgent,deliver.normal --pool threads -c 16",
    stage=0,
    patience=6.0,
)
BRIDGE = Command(
    name="bridge",
    line="celery -A messaging.celery worker -Q bridge,upkeep --pool threads -c 8",
    stage=0,
    patience=3.0,
)
BEAT = Command(name="beat", line="celery -A messaging.celery beat", stage=0, patience=3.0)
FLOWER = Command(name="flower", line="celery -A messaging.celery flower", stage=0, patience=1.0)
ALL = (WEB, WORKER, BRIDGE, BEAT, FLOWER)


def names(workers: int) -> list[str]:
    """Whose lines may be shown, when so many workers run."""
    others = [command.name for command in (WEB, BRIDGE, BEAT, FLOWER)]
    return [*others, *worker_names(workers), "simulator", "postgres", "valkey"]


def worker_names(count: int) -> list[str]:
    """One is called worker; several have numbers."""
    return [f"{WORKER.name}-{n}" for n in range(1, count + 1)] if count > 1 else [WORKER.name]
