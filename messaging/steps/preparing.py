"""Prepares jobs that came as bare rows: the number in E.164, the template rendered."""

from collections.abc import Sequence

from messaging import events
from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare
from messaging.domain.job import JobId
from messaging.errors import Refused
from messaging.postgres import jobs
from messaging.postgres.jobs import Unprepared
from messaging.runtime import Runtime


def prepare_jobs(rt: Runtime, ids: Sequence[JobId]) -> set[JobId]:
    """Prepares those of these jobs that need it and returns them.

    A job that can never be sent fails, with the reason in its row and its journal.
    """
    if not ids:
        return set()
    with rt.db.connection() as conn:
        rows = jobs.unprepared(conn, ids)
    return {row.id for row in rows if _prepare_one(rt, row)}


def _prepare_one(rt: Runtime, row: Unprepared) -> bool:
    try:
        prepared = _prepared(row, rt.settings.default_region)
    except Refused as refusal:
        with rt.db.connection() as conn:
            jobs.refuse(conn, row.id, str(refusal))
        events.job_failed(job_id=row.id, attempt=0, reason=str(refusal), code=None)
        return False
    with rt.db.connection() as conn:
        return (
            jobs.prepare(
                conn,
                row.id,
                prepared.recipient_phone,
                prepared.message_content,
                prepared.segments,
            )
            is not None
        )


def _prepared(row: Unprepared, default_region: str | None) -> Prepared:
    if row.content_template is None:
        draft = Draft(
            to=row.recipient_phone, body=row.message_content, media_urls=tuple(row.media_urls)
        )
        return prepare(draft, None, default_region)
    source = TemplateSource(
        id=row.id,
        name="of this message",
        content_template=row.content_template,
        template_vars=row.template_defaults,
    )
    draft = Draft(
        to=row.recipient_phone,
        template=source.name,
        variables=row.template_vars or {},
        media_urls=tuple(row.media_urls),
    )
    return prepare(draft, source, default_region)
