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


def of_command(
    command: Command,
    environment: Environment,
    guard: Guard,
    *,
    name: str | None = None,
    more: Sequence[str] = (),
) -> Role:
    """A process of the Procfile, perhaps under another name and with more words."""
    program = Program(
        argv=(*command.argv, *more), environment=environment.variables, folder=Path.cwd()
    )
    return Role(
        name=name or command.name,
        launch=partial(Process, program, output=subprocess.PIPE, guard=guard),
        stage=command.stage,
        patience=command.patience,
    )


def of_server(server: Server) -> Role:
    """An embedded server: it stops last, and writes its own log."""
    return Role(name=server.name.lower(), launch=server.launch, stage=_SERVERS_STAGE, patience=10.0)


def simulator(environment: Environment, guard: Guard, *, port: int, ledger: Path) -> Role:
    """What stands for Twilio: what it accepted is kept in the file `ledger`."""
    words = ["-m", "messaging.local.simulator", "--port", str(port), "--ledger-file", str(ledger)]
    program = Program(
        argv=(sys.executable, *words), environment=environment.variables, folder=Path.cwd()
    )
    return Role(
        name="simulator",
        launch=partial(Process, program, output=subprocess.PIPE, guard=guard),
        stage=WEB.stage,
        patience=2.0,
    )


def workers(environment: Environment, guard: Guard, *, count: int) -> list[Role]:
    """So many processes that send; Celery wants a name of its own for each."""
    return [
        of_command(WORKER, environment, guard, name=name, more=("-n", f"{name}@%h"))
        for name in worker_names(count)
    ]
