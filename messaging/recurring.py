"""Recurring reminders: adds series, and makes messages of their occurrences, each once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from messaging import events
from messaging.domain.clocks import wall_clock
from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare
from messaging.domain.first_lines import check_room
from messaging.domain.job import JobId
from messaging.domain.recurrence import Recurrence, checked
from messaging.domain.series import Plan, SeriesId, draft_of, fields_of, plan
from messaging.errors import NotFound, Refused
from messaging.postgres import messages, series
from messaging.postgres.connect import REFUSALS
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.jobs import Postgres
from messaging.postgres.series import Row
from messaging.runtime import Runtime
from messaging.settings import Settings
from messaging.steps.storing import store

_AT_ONCE = 100
"""Series that are looked at in one transaction."""
_MOST = 10_000
"""Series in one go: what is left waits for the next minute."""


def add(
    conn: Postgres,
    settings: Settings,
    draft: Draft,
    *,
    rule: str,
    starts_at: datetime,
    time_zone: str | None = None,
    id: UUID | None = None,
) -> SeriesId:
    """Adds a series in the connection's transaction: the draft is what each occurrence says.

    `rule` is an RRULE of RFC 5545 with an end, which counts from `starts_at` on the clocks of
    `time_zone` or, without that, of the number. Raises Refused with what to change.
    """
    if draft.scheduled_for or draft.local_time or draft.idempotency_key:
        raise Refused("A series sets the times and keys of its messages: leave them out.")
    prepared = _checked(conn, settings, draft)
    clock = wall_clock(prepared.recipient_phone, time_zone or draft.time_zone, starts_at)
    recurrence = Recurrence(rule=rule, starts_at=starts_at, time_zone=clock.time_zone or "")
    checked(recurrence, settings.series_bounds)
    return series.add(conn, SeriesId(id) if id else None, recurrence, fields_of(draft))


def pause(conn: Postgres, id: SeriesId) -> str:
    """Lets a series rest, and cancels what has not gone out: `paused` or `too_late`.

    Raises NotFound; so do the others.
    """
    return _changed(conn, id, "paused")


def resume(conn: Postgres, id: SeriesId) -> str:
    """Lets a paused series go on with what is to come: `active` or `too_late`."""
    return _changed(conn, id, "active")


def stop(conn: Postgres, id: SeriesId) -> str:
    """Ends a series, and cancels what has not gone out: `stopped` or `too_late`."""
    return _changed(conn, id, "stopped")


def recur(rt: Runtime) -> int:
    """Makes messages of occurrences whose time comes soon; how many. Any number may run at once."""
    count = looked_at = 0
    while looked_at < _MOST:
        with rt.db.connection() as conn:
            rows = series.due(conn, _AT_ONCE)
            count += sum(_make_or_refuse(rt, conn, row) for row in rows)
        looked_at += len(rows)
        if len(rows) < _AT_ONCE:
            break
    return count


def _make_or_refuse(rt: Runtime, conn: Postgres, row: Row) -> int:
    """Makes messages of one series; one that cannot be, now or ever, must not hold others up."""
    try:
        with conn.transaction():
            return _make(rt, conn, row)
    except Refused as refusal:
        reason = str(refusal)
    except REFUSALS as error:
        # Not its text: Postgres quotes the row.
        reason = f"The database refuses its messages ({type(error).__name__})."
    series.looked_at(
        conn, row.id, status="refused", made_until=row.made_until, look_at=None, reason=reason
    )
    events.series_refused(series_id=row.id, reason=reason)
    return 0


def _make(rt: Runtime, conn: Postgres, row: Row) -> int:
    if row.made_until is None:
        checked(row.recurrence, rt.settings.series_bounds)
        _checked(conn, rt.settings, draft_of(row.draft))
    made = series.made(conn, row.id, row.made_until or row.starts_at)
    ahead = timedelta(seconds=rt.settings.series_ahead)
    step = plan(row.recurrence, row.made_until, made, row.now, ahead)
    jobs = _store(rt, conn, row, step)
    series.keep(conn, row.id, jobs)
    series.looked_at(
        conn,
        row.id,
        status="active" if step.next else "ended",
        made_until=step.made_until,
        look_at=step.next,
    )
    return len(jobs)


def _store(rt: Runtime, conn: Postgres, row: Row, step: Plan) -> Mapping[datetime, JobId]:
    """Hands the occurrences over; which message each became. Raises Refused, and stores none."""
    if not step.now:
        return {}
    whole = replace(draft_of(row.draft), time_zone=row.time_zone, dedupe_window=timedelta(0))
    drafts = {
        position: _prepared(conn, rt.settings, replace(whole, local_time=one.local_time))
        for position, one in enumerate(step.now)
    }
    defaults = Defaults(max_retries=rt.settings.max_retries)
    answers = store(conn, drafts, defaults, rt.settings.quiet_hours)
    refused = next((answer.reason for answer in answers if answer.result != "created"), None)
    if refused:
        raise Refused(refused)
    return {
        step.now[answer.position].local_time: answer.id
        for answer in answers
        if answer.id is not None
    }


def _checked(conn: Postgres, settings: Settings, draft: Draft) -> Prepared:
    """Also whether its first text has room for the opt-out line; later ones need none."""
    template = _template(conn, draft)
    prepared = prepare(draft, template, settings.default_region)
    check_room(prepared, template, settings.lines)
    return prepared


def _prepared(conn: Postgres, settings: Settings, draft: Draft) -> Prepared:
    return prepare(draft, _template(conn, draft), settings.default_region)


def _template(conn: Postgres, draft: Draft) -> TemplateSource | None:
    return None if draft.template is None else messages.template(conn, str(draft.template))


def _changed(conn: Postgres, id: SeriesId, wanted: str) -> str:
    result = series.change(conn, id, wanted)
    if result == "not_found":
        raise NotFound(f"There is no series {id}.")
    return result
