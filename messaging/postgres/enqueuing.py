"""Prepared drafts on their way into `message_jobs`: thousands in one statement, or one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg.rows import tuple_row

from messaging.domain.draft import Prepared
from messaging.domain.job import Lane
from messaging.postgres import arrays
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued
from messaging.postgres.named import query
from messaging.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for drafts that say nothing.

    The window is for those without an idempotency key: a key says which message it is.
    """

    max_retries: int = 3
    idempotency_ttl: timedelta | None = None
    dedupe_window: timedelta | None = None
    lifetimes: Mapping[Lane, timedelta] = field(default_factory=dict)
    """After how long what has no deadline of its own expires, by lane."""

    @classmethod
    def of(cls, settings: Settings) -> "Defaults":
        """What the settings say."""
        return cls(
            max_retries=settings.max_retries,
            idempotency_ttl=timedelta(seconds=settings.idempotency_ttl),
            dedupe_window=timedelta(seconds=settings.dedupe_window),
            lifetimes=settings.lifetimes,
        )


def enqueue(conn: Postgres, drafts: Mapping[int, Prepared], defaults: Defaults) -> list[Enqueued]:
    """Hands drafts over in the connection's transaction; an answer for each, in no order.

    The keys are the positions in the answers.
    """
    if not drafts:
        return []
    given = columns(list(drafts.values()), defaults)
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query("jobs", "enqueue_prepared"), given).fetchall()
    positions = list(drafts)
    answers = [
        Enqueued(position=positions[place - 1], id=id, result=result, reason=reason)
        for place, id, result, reason in rows
    ]
    if given["template_id"] is not None:
        _keep_versions(conn, drafts, answers)
    return answers


def columns(drafts: Sequence[Prepared], defaults: Defaults) -> dict[str, str | None]:
    """An array a column, all of one length; None for a column that no draft has."""
    return {**_columns(drafts, defaults), **_limits(drafts, defaults)}


def _keep_versions(
    conn: Postgres, drafts: Mapping[int, Prepared], answers: Sequence[Enqueued]
) -> None:
    """Writes down the versions that new jobs are made of, where the database noted a later one.

    It notes the version that is current as it stores them. Versions only count up: what is no
    newer now than what a text was made of was not newer in between.
    """
    made = {
        draft.template_id: draft.template_version for draft in drafts.values() if draft.template_id
    }
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query("jobs", "current_versions"), {"ids": list(made)})
        saved = {id for id, version in rows if version != made[id]}
    if not saved:
        return
    new = [answer for answer in answers if answer.result == "created"]
    mine = [(answer.id, drafts[answer.position]) for answer in new]
    stale = [(id, draft.template_version) for id, draft in mine if draft.template_id in saved]
    conn.execute(
        query("jobs", "correct_versions"),
        {"ids": [id for id, _ in stale], "versions": [version for _, version in stale]},
    )


def _columns(drafts: Sequence[Prepared], defaults: Defaults) -> dict[str, str | None]:
    """The columns of what a draft says."""
    return {
        "id": arrays.optional([draft.id.hex if draft.id else None for draft in drafts]),
        "user_id": arrays.optional(
            [draft.user_id.hex if draft.user_id else None for draft in drafts]
        ),
        "recipient_phone": arrays.texts([draft.recipient_phone for draft in drafts]),
        "message_content": arrays.texts([draft.message_content for draft in drafts]),
        "template_id": arrays.optional(
            [draft.template_id.hex if draft.template_id else None for draft in drafts]
        ),
        "template_vars": arrays.optional(
            [_json(draft.template_vars) if draft.template_id else None for draft in drafts]
        ),
        "scheduled_for": arrays.optional(
            [draft.scheduled_for.isoformat() if draft.scheduled_for else None for draft in drafts]
        ),
        "priority": arrays.numbers([draft.priority for draft in drafts]),
        "max_retries": arrays.numbers([_retries(draft, defaults.max_retries) for draft in drafts]),
        "metadata": arrays.optional(
            [_json(draft.metadata) if draft.metadata else None for draft in drafts]
        ),
        "media_urls": arrays.optional(
            [arrays.texts(draft.media_urls) if draft.media_urls else None for draft in drafts]
        ),
        "in_doubt_policy": arrays.optional([draft.in_doubt_policy for draft in drafts]),
        "idempotency_key": arrays.optional([draft.idempotency_key for draft in drafts]),
        "segments": arrays.numbers([draft.segments for draft in drafts]),
    }


def _limits(drafts: Sequence[Prepared], defaults: Defaults) -> dict[str, str | None]:
    """The columns of how long a draft counts, in the same shape."""
    return {
        "idempotency_ttl": arrays.optional(
            [_lifetime(draft, defaults.idempotency_ttl) for draft in drafts]
        ),
        "dedupe_window": arrays.optional(
            [_window(draft, defaults.dedupe_window) for draft in drafts]
        ),
        "expires_at": arrays.optional(
            [draft.expires_at.isoformat() if draft.expires_at else None for draft in drafts]
        ),
        "lifetime": arrays.optional(
            [_span(defaults.lifetimes.get(Lane.of(draft.priority))) for draft in drafts]
        )
        if defaults.lifetimes
        else None,
        "max_carrier_retries": arrays.optional(
            [_written(draft.max_carrier_retries) for draft in drafts]
        ),
    }


def _retries(draft: Prepared, default: int) -> int:
    return default if draft.max_retries is None else draft.max_retries


def _lifetime(draft: Prepared, default: timedelta | None) -> str | None:
    if draft.idempotency_key is None:
        return None
    return _span(draft.idempotency_ttl or default)


def _window(draft: Prepared, default: timedelta | None) -> str | None:
    if draft.dedupe_window is None and draft.idempotency_key is not None:
        return None
    return _span(default if draft.dedupe_window is None else draft.dedupe_window)


def _written(number: int | None) -> str | None:
    return None if number is None else str(number)


def _span(time: timedelta | None) -> str | None:
    """As Postgres reads an interval; None also for no time at all."""
    return f"{time / timedelta(microseconds=1):.0f} microseconds" if time else None


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value))
