"""Runs: tasks that do their work again and again for a while, and are begun anew before it is over.

Beat has one entry for all of them. For each that it sends, it looks at all the others that it has:
nine of them took it five milliseconds each.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from celery import Celery

from messaging.domain.job import Lane
from messaging.settings import Settings

EACH = timedelta(seconds=20)
"""How long a run lasts; then the next one begins."""
STALE = timedelta(minutes=2)
"""After that a task of beat's is not worth running. Clocks may differ by less."""
BEGIN = "messaging.begin_runs"
"""The task that begins them."""
BRIDGE, UPKEEP = "bridge", "upkeep"
"""The queues of the runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A task of ours, and what it is told besides for how long."""

    task: str
    args: tuple[str, ...] = ()
    told: Mapping[str, float] = field(default_factory=dict)
    queue: str = UPKEEP


def runs(settings: Settings) -> list[Run]:
    """Those that these settings want."""
    return [
        Run(task="bridge", args=(Lane.URGENT,), queue=BRIDGE),
        Run(task="bridge", args=(Lane.NORMAL,), queue=BRIDGE),
        _every(1, "promote"),
        _every(5, "sweep"),
        _every(2, "reconcile"),
        _every(2, "take_back"),
        *([_every(1, "retain")] if settings.keeps_for_a_time else []),
    ]


def begin(app: Celery, settings: Settings, queues: Collection[str] = (BRIDGE, UPKEEP)) -> int:
    """Has those runs begin that are taken from these queues, in one round trip; how many.

    Raises kombu.exceptions.OperationalError where the broker is away.
    """
    wanted = [run for run in runs(settings) if run.queue in queues]
    if not wanted:  # a worker's: it needs no connection for this
        return 0
    with app.amqp.producer_pool.acquire(block=True) as producer, producer.batch(len(wanted)):
        for run in wanted:
            app.send_task(
                f"messaging.{run.task}",
                run.args,
                {**run.told, "lasting": EACH.total_seconds()},
                queue=run.queue,
                expires=STALE.total_seconds(),
                producer=producer,
                ignore_result=True,
            )
    return len(wanted)


def _every(seconds: float, task: str) -> Run:
    return Run(task=task, told={"every": seconds})
