"""The Celery application: `celery -A messaging.celery worker`."""

import warnings
from typing import Any

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import (
    beat_init,
    setup_logging,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)

from messaging import events, runtime
from messaging.garbage import collect_seldom
from messaging.settings import current

app = Celery("messaging", include=["messaging.tasks"])
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


@beat_init.connect
def _begin_at_once(sender: Any, **_: Any) -> None:
    """Every periodic task runs when beat starts; the first texts would wait 5 s for a bridge."""
    for entry in sender.scheduler.schedule.values():
        entry.last_run_at -= entry.schedule.run_every


__all__ = ["app"]
