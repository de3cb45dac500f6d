"""The processes that `messaging up` runs, as roles for its supervisor."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from messaging.local.environment import Environment
from messaging.local.guard import Guard
from messaging.local.process import Process, Program
from messaging.local.processes import WEB, WORKER, Command, worker_names
from messaging.local.server import Server
from messaging.local.supervisor import Role

_SERVERS_STAGE = 9


def of_command(command: Command, environment: Environment, guard: Guard) -> Role:
    """A process of the Procfile."""
    argv = command.argv(environment.variables)
    return _role(command, command.name, argv, environment, guard)


def workers(environment: Environment, guard: Guard, *, count: int) -> list[Role]:
    """So many processes that send."""
    names = enumerate(worker_names(count), start=1)
    return [
        _role(WORKER, name, WORKER.argv(environment.variables, number), environment, guard)
        for number, name in names
    ]


def simulator(environment: Environment, guard: Guard, *, port: int, ledger: Path) -> Role:
    """What stands for Twilio: what it accepted is kept in the file `ledger`."""
    words = ["-m", "messaging.local.simulator", "--port", str(port), "--ledger-file", str(ledger)]
    if web := environment.variables.get("PUBLIC_BASE_URL"):
        words += ["--inbound-url", f"{web}/api/twilio/inbound"]
    # Like the web process it is there until no worker sends any more.
    return _role(WEB, "simulator", (sys.executable, *words), environment, guard)


def of_server(server: Server) -> Role:
    """An embedded server: it stops last, and writes its own log."""
    return Role(name=server.name.lower(), launch=server.launch, stage=_SERVERS_STAGE, patience=10.0)


def _role(
    like: Command, name: str, argv: Sequence[str], environment: Environment, guard: Guard
) -> Role:
    program = Program(argv=argv, environment=environment.variables, folder=Path.cwd())
    launch = partial(Process, program, output=subprocess.PIPE, guard=guard)
    return Role(name=name, launch=launch, stage=like.stage, patience=like.patience)
