"""Prepares jobs that came as bare rows: the number in E.164, the template rendered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from messaging import events
from messaging.domain.category import Category
from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare
from messaging.domain.job import URGENT_ABOVE, JobId
from messaging.domain.quiet_hours import Quiet
from messaging.errors import Refused
from messaging.postgres import bare, hours
from messaging.postgres.bare import Unprepared
from messaging.postgres.connect import REFUSALS
from messaging.postgres.jobs import Postgres
from messaging.runtime import Runtime
from messaging.steps.storing import recipient


def prepare_jobs(rt: Runtime, ids: Sequence[JobId]) -> dict[JobId, int]:
    """Prepares those of these jobs that need it and returns them, with their segments.

    A job that can never be sent fails, with the reason in its row and its journal.
    """
    if not ids:
        return {}
    with rt.db.connection() as conn:
        rows = bare.unprepared(conn, ids)
    found = ((row, _found(rt, row)) for row in rows)
    return _written(rt, [(row, prepared) for row, prepared in found if prepared])


def _found(rt: Runtime, row: Unprepared) -> Prepared | None:
    """What preparation finds; None where the row cannot be sent, which is written then."""
    try:
        return _prepared(row, rt.settings.default_region)
    except Refused as refusal:
        _refuse(rt, row, str(refusal))
        return None


def _written(rt: Runtime, found: Sequence[tuple[Unprepared, Prepared]]) -> dict[JobId, int]:
    """The segments of those that are ready now, written in one transaction.

    Whatever is wrong with a row is wrong with it alone: where Postgres refuses them together, each
    half is tried.
    """
    if not found:
        return {}
    try:
        with rt.db.connection() as conn:
            return _write(rt, conn, found)
    except REFUSALS as error:
        if len(found) == 1:
            # Not its text: Postgres quotes the row.
            reason = f"The database refuses this message ({type(error).__name__})."
            _refuse(rt, found[0][0], reason)
            return {}
    middle = len(found) // 2
    return _written(rt, found[:middle]) | _written(rt, found[middle:])


def _write(
    rt: Runtime, conn: Postgres, found: Sequence[tuple[Unprepared, Prepared]]
) -> dict[JobId, int]:
    """Writes what was prepared; the segments of those that may go out now, at this hour."""
    ready = bare.prepare(conn, {row.id: prepared for row, prepared in found}, rt.settings.lifetimes)
    waits = [(row.id, _wait(rt, row, prepared)) for row, prepared in found if row.id in ready]
    waiting = [(id, wait) for id, wait in waits if wait]
    if waiting:
        ready -= hours.defer(conn, waiting)
    return {row.id: prepared.segments for row, prepared in found if row.id in ready}


def _wait(rt: Runtime, row: Unprepared, prepared: Prepared) -> Quiet | None:
    whom = replace(recipient(prepared), urgent=row.priority > URGENT_ABOVE)
    return rt.settings.quiet_hours.wait(whom, max(row.now, row.scheduled_for or row.now))


def _refuse(rt: Runtime, row: Unprepared, reason: str) -> None:
    with rt.db.connection() as conn:
        bare.refuse(conn, row.id, reason)
    events.job_failed(job_id=row.id, attempt=0, reason=reason, code=None)


def _prepared(row: Unprepared, default_region: str | None) -> Prepared:
    media_urls = tuple(row.media_urls)
    if row.template is None:
        draft = Draft(
            to=row.recipient_phone,
            body=row.message_content,
            media_urls=media_urls,
            category=_category(row.category),
            time_zone=row.time_zone,
        )
        return prepare(draft, None, default_region)
    source = TemplateSource(
        id=row.id,
        name=row.template,
        version=row.template_version or 1,
        content=row.template_content or "",
    )
    draft = Draft(
        to=row.recipient_phone,
        template=source.name,
        variables=_variables(row.template_vars),
        media_urls=media_urls,
        category=_category(row.category),
        time_zone=row.time_zone,
    )
    return prepare(draft, source, default_region)


def _category(written: str | None) -> Category | None:
    return Category(written) if written else None


def _variables(written: str | None) -> Mapping[str, object]:
    try:
        read = json.loads(written) if written else {}
    except (ValueError, RecursionError):
        raise Refused("The template's variables cannot be read: they are too deep.") from None
    variables: Mapping[str, object] = {} if read is None else read
    return variables
