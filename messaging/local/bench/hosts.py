"""Hosts: sending with more and more workers, each on a host of its own in a network of its own.

What measures is in that network itself (`apart`), as another process: this one stays where it is.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from messaging.errors import Unreachable
from messaging.local.bench import network
from messaging.local.bench.figures import Figure
from messaging.local.bench.options import BenchOptions
from messaging.local.guard import Guard
from messaging.local.process import Process, Program, wait_until
from messaging.local.throwaway import new_folder

APART = "messaging.local.bench.apart"
"""The program that measures."""
_END_LIMIT = 20.0
"""Seconds that it may take to stop what it has started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What that program has found: figures, or a sentence about what went wrong."""

    figures: Sequence[Figure] = ()
    trouble: str = ""


OPTIONS = TypeAdapter(BenchOptions)
"""As the program reads them, as JSON."""
ANSWER = TypeAdapter(Answer)
"""As it writes it, as JSON."""


def answer_file(folder: Path) -> Path:
    """Where the program writes its answer."""
    return folder / "answer.json"


def measure(options: BenchOptions, say: Callable[[str], None]) -> Sequence[Figure]:
    """Rate and processor time with so many workers. Nothing of the network is left afterwards.

    Raises Refused where this machine can't have such a network, Unreachable where something
    doesn't start, doesn't come to its end, or isn't on the host where it belongs.
    """
    with new_folder("bench") as folder:
        _run(folder, options, say)
        file = answer_file(folder)
        if not file.exists():
            raise Unreachable("What measures hosts has ended before it had any figures.")
        answer = ANSWER.validate_json(file.read_bytes())
    if answer.trouble:
        raise Unreachable(answer.trouble)
    return answer.figures


def _run(folder: Path, options: BenchOptions, say: Callable[[str], None]) -> None:
    """Return when the program has ended, and all that it has started."""
    program = Program(
        argv=(*network.entrance(), sys.executable, "-m", APART, str(folder)),
        environment=os.environ,
        text=OPTIONS.dump_json(options),
    )
    with closing(Guard()) as guard:
        process = Process(program, output=subprocess.PIPE, guard=guard)
        try:
            _pass_on(process, say)
            wait_until(lambda: process.exit_code() is not None, limit=_END_LIMIT)
        finally:
            process.stop(within=_END_LIMIT)


def _pass_on(process: Process, say: Callable[[str], None]) -> None:
    """Say what it prints, until it and its own guard are gone."""
    if process.output is None:
        raise RuntimeError("the process was started without a pipe")
    with process.output as lines:
        for line in lines:
            say(line.decode(errors="replace").rstrip())
