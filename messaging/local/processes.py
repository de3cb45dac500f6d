"""The commands of our processes: the lines of the Procfile, for `messaging up` to run."""

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_PROGRAMS = {
    "python": (sys.executable,),
    "celery": (sys.executable, "-m", "celery", "--quiet"),  # quiet: no banner
}
_VARIABLE = re.compile(r"\$\{(\w+):[-?]([^}]*)\}")
"""${NAME:-default}; the default of ${NAME:?complaint} is a complaint that never comes up here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process of the service. `stage` and `patience` are those of `supervisor.Role`."""

    name: str
    line: str
    """As in the Procfile, which a shell reads: with ${NAME:-default} and $$."""
    stage: int
    patience: float

    def argv(self, variables: Mapping[str, str], number: int = 1) -> tuple[str, ...]:
        """To be run with this interpreter and its packages, whatever PATH says.

        `number` stands for the shell's $$, which tells several of a kind apart.
        """
        line = _VARIABLE.sub(lambda found: variables.get(found[1]) or found[2], self.line)
        words = shlex.split(line.replace("$$", str(number)))
        # Assignments before the program are for a shell: the environment has them already.
        start = next(i for i, word in enumerate(words) if word in _PROGRAMS)
        return (*_PROGRAMS[words[start]], *words[start + 1 :])


WEB = Command(name="web", line="python -m messaging.web", stage=1, patience=3.0)
WORKER = Command(
    name="worker",
    line="celery -A messaging.celery worker --queues deliver.urgent,deliver.normal "
    "--pool threads --concurrency ${WORKER_CONCURRENCY:-16} "
    "--hostname worker-$$@%h --without-gossip --without-mingle",
    stage=0,
    patience=20.0,  # a request under way: 5 s to begin, 3 to connect, 10 to be answered
)
BRIDGE = Command(
    name="bridge",
    line="celery -A messaging.celery worker --queues bridge,upkeep "
    "--pool threads --concurrency 16 "
    "--hostname bridge-$$@%h --without-gossip --without-mingle",
    stage=0,
    patience=1.5,  # its runs end when asked to; what it does may be lost
)
BEAT = Command(name="beat", line="celery -A messaging.celery beat", stage=0, patience=2.0)
FLOWER = Command(
    name="flower",
    line="FLOWER_BASIC_AUTH=${FLOWER_BASIC_AUTH:?is not set: choose user:password} "
    "celery -A messaging.celery flower "
    "--address=${FLOWER_ADDRESS:-127.0.0.1} --port=${FLOWER_PORT:-5555}",
    stage=0,
    patience=1.0,
)
ALL = (WEB, WORKER, BRIDGE, BEAT, FLOWER)


def names(workers: int) -> list[str]:
    """Whose lines may be shown, when so many workers run."""
    others = [command.name for command in (WEB, BRIDGE, BEAT, FLOWER)]
    return [*others, *worker_names(workers), "simulator", "postgres", "valkey"]


def worker_names(count: int) -> list[str]:
    """One is called worker; several have numbers."""
    return [f"{WORKER.name}-{n}" for n in range(1, count + 1)] if count > 1 else [WORKER.name]
