"""Prepares jobs that came as bare rows: the number in E.164, the template rendered."""

import json
from collections.abc import Mapping, Sequence

from messaging import events
from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare
from messaging.domain.job import JobId
from messaging.errors import Refused
from messaging.postgres import jobs
from messaging.postgres.connect import REFUSALS
from messaging.postgres.jobs import Unprepared
from messaging.runtime import Runtime


def prepare_jobs(rt: Runtime, ids: Sequence[JobId]) -> dict[JobId, int]:
    """Prepares those of these jobs that need it and returns them, with their segments.

    A job that can never be sent fails, with the reason in its row and its journal.
    """
    if not ids:
        return {}
    with rt.db.connection() as conn:
        rows = jobs.unprepared(conn, ids)
    prepared = {row.id: _prepare_one(rt, row) for row in rows}
    return {id: segments for id, segments in prepared.items() if segments is not None}


def _prepare_one(rt: Runtime, row: Unprepared) -> int | None:
    """The segments of the row if it is ready now, else None. Whatever is wrong with it is wrong
    with it alone."""
    try:
        prepared = _prepared(row, rt.settings.default_region)
    except Refused as refusal:
        _refuse(rt, row, str(refusal))
        return None
    try:
        with rt.db.connection() as conn:
            return None if jobs.prepare(conn, row.id, prepared) is None else prepared.segments
    except REFUSALS as error:
        # Not its text: Postgres quotes the row.
        _refuse(rt, row, f"The database refuses this message ({type(error).__name__}).")
        return None


def _refuse(rt: Runtime, row: Unprepared, reason: str) -> None:
    with rt.db.connection() as conn:
        jobs.refuse(conn, row.id, reason)
    events.job_failed(job_id=row.id, attempt=0, reason=reason, code=None)


def _prepared(row: Unprepared, default_region: str | None) -> Prepared:
    media_urls = tuple(row.media_urls)
    if row.template is None:
        draft = Draft(to=row.recipient_phone, body=row.message_content, media_urls=media_urls)
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
    )
    return prepare(draft, source, default_region)


def _variables(written: str | None) -> Mapping[str, object]:
    try:
        read = json.loads(written) if written else {}
    except (ValueError, RecursionError):
        raise Refused("The template's variables cannot be read: they are too deep.") from None
    variables: Mapping[str, object] = {} if read is None else read
    return variables
