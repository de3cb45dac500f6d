"""`messaging up`: everything on this machine, in one terminal, until Ctrl-C."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import psycopg

from messaging.errors import MessagingError, Misconfigured
from messaging.local import processes
from messaging.local.addresses import refuse_taken
from messaging.local.environment import Environment
from messaging.local.guard import Guard
from messaging.local.launch import Launch
from messaging.local.panel import shown
from messaging.local.place import Lock, make_folder
from messaging.local.screen import Screen
from messaging.local.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `messaging up` is asked for.

    `port` is that of the web process: without, PORT or 8000, or the next free one above.
    `workers` is how many processes send. `exit_after_demo` counts with `demo` only.
    """

    data: Path = Path("data")
    demo: bool = False
    exit_after_demo: bool = False
    port: int | None = None
    workers: int = 1
    no_flower: bool = False


def run(options: UpOptions) -> int:
    """Run everything until Ctrl-C, SIGTERM or, where asked for, the end of the demo.

    Returns the exit code: 0, or 1 where something doesn't start or the demo goes wrong.
    """
    screen = Screen(processes.names(options.workers))
    supervisor = Supervisor(
        on_line=screen.line,
        on_end=lambda name, code, wait: screen.trouble(_ended(name, code, wait)),
    )
    with supervisor.signals():
        try:
            _refuse(options)
            data = make_folder(options.data)
            with Lock(data / "lock", otherwise=f"`messaging up` already runs on {shown(data)}"):
                return _run_on(data, options, screen, supervisor)
        except MessagingError as error:
            screen.trouble(str(error))
        except KeyboardInterrupt:
            return 0
    return 1


def _run_on(data: Path, options: UpOptions, screen: Screen, supervisor: Supervisor) -> int:
    guard = Guard()
    launch = Launch(data, screen, supervisor, guard)
    try:
        return _tell(launch, options, screen, supervisor)
    except MessagingError as error:
        screen.trouble(str(error))
    except psycopg.OperationalError as error:
        screen.trouble(f"The database does not answer: {error}")
    except psycopg.Error as error:
        screen.trouble(f"The database refuses what it is asked: {error}")
    finally:
        screen.note("Stopping.")
        supervisor.stop()
        launch.close()
        guard.close()
        screen.note("Stopped. Nothing of it runs any more; the data is kept.")
    return 1


def _tell(launch: Launch, options: UpOptions, screen: Screen, supervisor: Supervisor) -> int:
    """The story: each line is a step of the start, then the life after it."""
    screen.title(f"messaging {version('messaging')}", "Ctrl-C stops everything")
    for step in _steps(launch, options):
        if supervisor.is_asked_to_stop:
            return 0
        step()
    if options.demo:
        went_well = launch.play_demo()
        if options.exit_after_demo:
            return 0 if went_well else 1
    supervisor.run()
    return 0


def _steps(launch: Launch, options: UpOptions) -> list[Callable[[], None]]:
    steps: list[Callable[[], None]] = [
        launch.start_compiling,
        launch.start_servers,
        partial(launch.choose_ports, options.port),
        launch.start_simulator,
        launch.prepare_database,
        partial(launch.start_processes, options.workers),
        partial(launch.show_panel, flower=not options.no_flower),
        launch.await_first_message,
    ]
    return steps if options.no_flower else [*steps, launch.start_flower]


def _refuse(options: UpOptions) -> None:
    """Raise Misconfigured for what can be known to be wrong before anything starts."""
    if options.demo and not Environment.ours().is_simulated:
        raise Misconfigured("The demo needs the simulator: unset TWILIO_ACCOUNT_SID.")
    refuse_taken(options.port)


def _ended(name: str, code: int, wait: float) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{name} has ended ({how}); it starts again in {wait:g} s."
