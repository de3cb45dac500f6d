"""The Celery application: `celery -A messaging.celery worker`."""

import warnings
from typing import Any

from celery import Celery, bootsteps
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import (
    beat_init,
    setup_logging,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from messaging import events, runs, runtime, watching
from messaging.garbage import collect_seldom
from messaging.settings import current

app = Celery("messaging", include=["messaging.tasks"], amqp="messaging.intake:Amqp")
app.config_from_object("celeryconfig")


@setup_logging.connect
def _log(**_: Any) -> None:
    """Our events, and Celery's own lines without task arguments."""
    events.configure(current())


@worker_process_init.connect
@worker_ready.connect
def _open(**_: Any) -> None:
    """A forked child opens connections of its own: psycopg's do not survive a fork."""
    # With each lost connection Celery announces a new default for a setting that ours names.
    warnings.simplefilter("ignore", CPendingDeprecationWarning)
    runtime.current()
    collect_seldom()


@worker_shutting_down.connect
def _wind_up(**_: Any) -> None:
    """The bridge ends its run, and a chunk its waiting, instead of holding the shutdown up."""
    runtime.current().stopping.set()


class _BeginAtOnce(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no annotations
    """Starts the runs that this process does when it begins to consume, after a lost broker too.

    Beat starts the next ones up to 20 s later, and those that were under way may be gone.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        taken = {queue.name for queue in parent.task_consumer.queues}
        runs.begin(app, current(), taken)
        if runs.UPKEEP not in taken:
            return
        for entry in app.conf.beat_schedule.values():
            if entry["task"] != runs.BEGIN:
                app.send_task(entry["task"], entry["args"], entry["kwargs"], **entry["options"])


app.steps["consumer"].add(_BeginAtOnce)
app.steps["worker"].add(watching.WorkerHeart)


@beat_init.connect
def _begin_at_once(sender: Any, **_: Any) -> None:
    """Every periodic task runs when beat starts, too: beat does not know when it was last run."""
    for entry in sender.scheduler.schedule.values():
        entry.last_run_at -= entry.schedule.run_every


@beat_init.connect
def _watch(sender: Any, **_: Any) -> None:
    """Beat gives signs of life as long as its scheduler ticks."""
    watching.watch_beat(sender, app)


__all__ = ["app"]
