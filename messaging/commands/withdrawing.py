"""`messaging cancel` and `messaging reschedule`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.domain.wording import hide_numbers
from messaging.explanation.standing import standing
from messaging.outbox import Messaging
from messaging.postgres import figures
from messaging.postgres.messages import Message
from messaging.settings import load

_SAID: Mapping[str, str] = {
    "canceled": "It is canceled, and is not sent.",
    "canceling": "Twilio keeps it, and is asked within seconds to drop it.",
    "rescheduled": "It is sent at {at}.",
    "rescheduling": "Twilio keeps it, and is asked within seconds to give it back; then it is "
    "sent at {at}.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What `--json` prints; `result` is `too_late` or `past_deadline` where nothing was changed."""

    id: UUID
    result: str
    status: str
    scheduled_for: datetime | None


def cancel(screen: Screen, id: UUID) -> ExitCode:
    """Stops a message that has not gone out; UNSUCCESSFUL where it is too late. Raises NotFound."""
    settings = load()
    with database(settings) as conn, Messaging(settings) as messaging:
        result = messaging.cancel(id, conn=conn)
        message = messaging.status(id, conn=conn)
        now = figures.versions(conn).clock
    return _say(screen, message, result, now)


def reschedule(screen: Screen, id: UUID, at: str) -> ExitCode:
    """Moves a message that has not gone out; UNSUCCESSFUL where it is too late.

    Raises NotFound and Refused.
    """
    settings = load()
    with database(settings) as conn, Messaging(settings) as messaging:
        now = figures.versions(conn).clock
        result = messaging.reschedule(id, moments.moment(at, now, "--at"), conn=conn)
        message = messaging.status(id, conn=conn)
    return _say(screen, message, result, now)


def _say(screen: Screen, message: Message, result: str, now: datetime) -> ExitCode:
    tell = moments.local(now)
    if screen.json:
        screen.show(
            Withdrawn(
                id=message.id,
                result=result,
                status=message.status,
                scheduled_for=message.scheduled_for,
            )
        )
    if result == "past_deadline" and message.expires_at:
        until = tell(message.expires_at)
        screen.bad(f"It is not moved: its deadline, {until}, would come first.")
        return ExitCode.UNSUCCESSFUL
    if result not in _SAID:
        sentence = hide_numbers(standing(message, [], tell).text)
        screen.bad(f"It is too late to change it. {sentence}")
        return ExitCode.UNSUCCESSFUL
    at = tell(message.scheduled_for) if message.scheduled_for else ""
    screen.good(_SAID[result].format(at=at))
    return ExitCode.OK
