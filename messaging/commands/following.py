"""Follows a message until nothing more happens to it by itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.status import Status

from messaging.commands.screen import Screen
from messaging.domain.job import JobId
from messaging.domain.wording import plain
from messaging.errors import NotFound
from messaging.local.watch import has_ended
from messaging.postgres import figures, messages
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Message

_PAUSE = 0.2
"""Seconds between two looks."""


def follow(screen: Screen, conn: Postgres, id: JobId, timeout: timedelta) -> Message:
    """The message when it is over, or as it stands when the time is; that begins when it is due.

    Raises NotFound where somebody deletes it meanwhile.
    """
    message = _look(conn, id)
    until = time.monotonic() + (timeout + _ahead(conn, message)).total_seconds()
    with _status(screen) as status:
        while not is_over(message) and time.monotonic() < until:
            if status:
                status.update(_picture(message))
            time.sleep(_PAUSE)
            message = _look(conn, id)
    return message


def is_over(message: Message) -> bool:
    """Whether nothing more happens to it by itself: it has ended, or waits for a person."""
    return has_ended(message) or message.status == "held"


def _look(conn: Postgres, id: JobId) -> Message:
    message = messages.show(conn, id)
    if message is None:
        raise NotFound(f"There is no message {id} any more.")
    return message


def _ahead(conn: Postgres, message: Message) -> timedelta:
    """How far the time for which it is scheduled is ahead."""
    if message.scheduled_for is None:
        return timedelta(0)
    return max(message.scheduled_for - figures.versions(conn).clock, timedelta(0))


def _picture(message: Message) -> str:
    delivery = f", Twilio says {message.delivery_status}" if message.delivery_status else ""
    return plain(f"{message.status}{delivery}")


@contextmanager
def _status(screen: Screen) -> Iterator[Status | None]:
    if not screen.is_watched:
        yield None
        return
    spinner = screen.mark("dots", "line")
    with screen.err.status("handed over", spinner=spinner, spinner_style="cyan") as status:
        yield status
