"""`messaging send`: one message handed over, and followed where asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.commands import moments
from messaging.commands.categories import category
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.following import follow, is_over
from messaging.commands.pairs import pairs
from messaging.commands.screen import Screen
from messaging.domain.draft import Draft
from messaging.domain.job import JobId
from messaging.domain.wording import hide_numbers
from messaging.errors import Refused
from messaging.explanation.standing import standing, why
from messaging.local.watch import is_delivered
from messaging.outbox import Messaging
from messaging.postgres import figures
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued, Message
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed, as it was typed."""

    to: str
    body: str | None
    template: str | None
    variables: tuple[str, ...]
    at: str | None
    expires_at: str | None
    expires_in: str | None
    priority: int
    media_urls: tuple[str, ...]
    idempotency_key: str | None
    category: str | None
    local_time: str | None
    zone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What `send --json` prints."""

    id: JobId
    result: str
    """`created`, or `duplicate` where the key had been used for the same message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What `send --wait --json` prints."""

    id: JobId
    result: str
    status: str
    delivery_status: str | None
    twilio_sid: str | None
    error_code: int | None
    error: str | None


def send(screen: Screen, wish: Wish, timeout: float | None) -> ExitCode:
    """Hands the message over; with a timeout in seconds, waits for its end.

    Raises Refused, Unreachable and Misconfigured.
    """
    settings = load()
    with database(settings) as conn, Messaging(settings) as messaging:
        draft = _draft(wish, conn)
        (answer,) = messaging.enqueue_many([draft], conn=conn)
        if answer.id is None or answer.result == "refused":
            raise Refused(answer.reason or "The message was refused.")
        if answer.result == "duplicate":
            screen.note("This very message has been handed over before: this is its id.", "yellow")
        if timeout is None:
            screen.show(HandedOver(id=answer.id, result=answer.result), str(answer.id))
            return ExitCode.OK
        if not screen.json:
            screen.show(None, str(answer.id))
        message = follow(screen, conn, answer.id, timedelta(seconds=timeout))
    return _ended(screen, answer, message, timeout)


def _draft(wish: Wish, conn: Postgres) -> Draft:
    now = figures.versions(conn).clock
    scheduled_for = moments.moment(wish.at, now, "--at") if wish.at else None
    return Draft(
        to=wish.to,
        body=wish.body,
        template=wish.template,
        variables=pairs(wish.variables, "--var"),
        scheduled_for=scheduled_for,
        expires_at=_deadline(wish, now, scheduled_for or now),
        priority=wish.priority,
        media_urls=wish.media_urls,
        idempotency_key=wish.idempotency_key,
        category=category(wish.category),
        local_time=moments.wall_clock(wish.local_time, "--local") if wish.local_time else None,
        time_zone=wish.zone,
    )


def _deadline(wish: Wish, now: datetime, sent_at: datetime) -> datetime | None:
    if wish.expires_at and wish.expires_in:
        raise Refused("--expires-at and --expires-in say the same: give one of them.")
    if wish.expires_at:
        return moments.moment(wish.expires_at, now, "--expires-at")
    if wish.expires_in:
        return moments.later(wish.expires_in, sent_at, "--expires-in")
    return None


def _ended(screen: Screen, answer: Enqueued, message: Message, timeout: float) -> ExitCode:
    code = _exit_code(message)
    if screen.json:
        screen.show(
            Followed(
                id=message.id,
                result=answer.result,
                status=message.status,
                delivery_status=message.delivery_status,
                twilio_sid=message.twilio_sid,
                error_code=message.error_code,
                error=hide_numbers(why(message)) or None,
            )
        )
    sentence = hide_numbers(standing(message, [], moments.here).text)
    match code:
        case ExitCode.OK:
            screen.good(sentence)
        case ExitCode.TIMED_OUT:
            screen.doubtful(f"No end after {timeout:g} s. {sentence}")
        case _:
            screen.bad(sentence)
    return code


def _exit_code(message: Message) -> ExitCode:
    if is_delivered(message):
        return ExitCode.OK
    return ExitCode.UNSUCCESSFUL if is_over(message) else ExitCode.TIMED_OUT
