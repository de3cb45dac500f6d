"""Stores prepared drafts with their clocks, and lets those wait that come at a quiet hour."""

from collections.abc import Mapping

from messaging.domain import zones
from messaging.domain.draft import Prepared
from messaging.domain.job import URGENT_ABOVE, JobId
from messaging.domain.quiet_hours import QuietHours, Recipient
from messaging.postgres import enqueuing, hours
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued


def store(
    conn: Postgres, drafts: Mapping[int, Prepared], defaults: Defaults, quiet: QuietHours
) -> list[Enqueued]:
    """Hands drafts over in one transaction; an answer for each, in no order.

    The keys are the positions in the answers. Drafts without a word of the hour cost nothing more.
    """
    if not any(_has_clock(draft) or _may_wait(draft, quiet) for draft in drafts.values()):
        return enqueuing.enqueue(conn, drafts, defaults)
    with conn.transaction():
        answers = enqueuing.enqueue(conn, drafts, defaults)
        created = {
            answer.id: drafts[answer.position]
            for answer in answers
            if answer.id is not None and answer.result == "created"
        }
        _set(conn, created, quiet)
    return answers


def recipient(draft: Prepared) -> Recipient:
    """Whom a draft goes to, as far as the hour matters."""
    return Recipient(
        phone=draft.recipient_phone,
        category=draft.category,
        time_zone=draft.time_zone,
        urgent=draft.priority > URGENT_ABOVE,
    )


def _set(conn: Postgres, created: Mapping[JobId, Prepared], quiet: QuietHours) -> None:
    clocks = [(id, draft) for id, draft in created.items() if _has_clock(draft)]
    if clocks:
        hours.keep_clocks(conn, clocks, zones.version())
    concerned = {id: draft for id, draft in created.items() if _may_wait(draft, quiet)}
    if not concerned:
        return
    now = hours.now(conn)
    waits = [
        (id, wait)
        for id, draft in concerned.items()
        if (wait := quiet.wait(recipient(draft), max(now, draft.scheduled_for or now)))
    ]
    if waits:
        hours.defer(conn, waits)


def _has_clock(draft: Prepared) -> bool:
    return bool(draft.own_category or draft.time_zone)


def _may_wait(draft: Prepared, quiet: QuietHours) -> bool:
    urgent = draft.priority > URGENT_ABOVE
    return quiet.concern(draft.category, urgent=urgent)
