"""Does what a person decides about a message that waits for one: sent, send again, cancel."""

from dataclasses import dataclass

from messaging.domain.answers import Listed, Unanswered
from messaging.domain.decision import Answer, Decision, Wish, is_sid, objection
from messaging.domain.job import JobId, Phone, Sid
from messaging.domain.phone import normalise
from messaging.domain.receipt import Receipt
from messaging.errors import Refused
from messaging.postgres import decisions, messages
from messaging.runtime import Runtime
from messaging.steps.learning import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What became of a decision; `reason` is what Twilio said where it was `unanswered`."""

    answer: Answer
    reason: str = ""


def resolve(rt: Runtime, wish: Wish) -> Resolved:
    """Does what a person decided, once, and writes it into the message's journal.

    A SID is believed only if Twilio has a text of ours to the message's number under it, unless
    the wish is `unchecked`; what Twilio says of that text is recorded too. Raises psycopg.Error
    where Postgres fails; then nothing is done.
    """
    if wish.decision is not Decision.SENT or wish.unchecked:
        return Resolved(answer=_write(rt, wish, None))
    if wish.sid is None or not is_sid(wish.sid):
        return Resolved(answer=Answer.SID_INVALID if wish.sid else Answer.SID_MISSING)
    to = _number(rt, wish.id)
    if to is None:
        return Resolved(answer=Answer.NOT_FOUND)
    listed = _ask(rt, wish.sid, to)
    return listed if isinstance(listed, Resolved) else Resolved(answer=_write(rt, wish, listed))


def _number(rt: Runtime, id: JobId) -> Phone | None:
    """The message's number in E.164, as far as a bare row lets it be known; None: no message."""
    with rt.db.connection() as conn:
        message = messages.show(conn, id)
    if message is None:
        return None
    try:
        return normalise(message.recipient_phone, rt.settings.default_region)
    except Refused:
        return Phone(message.recipient_phone)


def _ask(rt: Runtime, sid: Sid, to: Phone) -> Listed | Resolved:
    """Twilio's message with this SID, if it can be the text; else what is said instead."""
    answer = rt.twilio.fetch(sid)
    if isinstance(answer, Unanswered):
        return Resolved(answer=Answer.UNANSWERED, reason=answer.reason)
    if answer is None:
        return Resolved(answer=Answer.SID_UNKNOWN)
    why_not = objection(answer, to)
    return Resolved(answer=why_not) if why_not else answer


def _write(rt: Runtime, wish: Wish, listed: Listed | None) -> Answer:
    with rt.db.connection() as conn:
        answer = decisions.resolve(conn, wish)
        if answer is Answer.SENT and listed:
            known = Receipt(sid=listed.sid, status=listed.status, error_code=listed.error_code)
            record(conn, [known], rt.settings)
    return answer
