"""Claims: from the rows that Postgres returns, with what their recipients said."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import TupleRow

from messaging.domain.category import Category
from messaging.domain.consent import Said
from messaging.domain.job import Claim, InDoubtPolicy, JobId, Phone

Standings = Callable[[Sequence[Phone]], Mapping[Phone, tuple[Said, ...]]]
"""Asks what these numbers said last about being texted; those that said nothing are missing."""


def claims(rows: Sequence[TupleRow], standings: Standings | None) -> list[Claim]:
    """The claims in these rows, with what their recipients said."""
    said = standings([Phone(row[_RECIPIENT]) for row in rows]) if rows and standings else {}
    return [_claim(said.get(row[_RECIPIENT], ()), *row) for row in rows]


_RECIPIENT = 2
"""Which column of a claim it is."""


def _claim(
    said: tuple[Said, ...],
    id: UUID,
    attempt: int,
    recipient_phone: str,
    message_content: str,
    media_urls: Sequence[str],
    retry_count: int,
    max_retries: int,
    in_doubt_policy: str | None,
    doubt_resends: int,
    send_at: datetime | None,
    send_in: timedelta | None,
    expires_in: timedelta | None,
    category: str | None,
    time_zone: str | None,
    claimed_at: datetime,
    urgent: bool,
    dead_code: int | None,
) -> Claim:
    return Claim(
        id=JobId(id),
        attempt=attempt,
        recipient_phone=Phone(recipient_phone),
        message_content=message_content,
        media_urls=tuple(media_urls),
        retry_count=retry_count,
        max_retries=max_retries,
        in_doubt_policy=InDoubtPolicy(in_doubt_policy) if in_doubt_policy else None,
        doubt_resends=doubt_resends,
        send_at=send_at,
        send_in=send_in,
        expires_in=expires_in,
        said=said,
        category=Category(category) if category else Category.TRANSACTIONAL,
        time_zone=time_zone,
        claimed_at=claimed_at,
        urgent=urgent,
        dead_code=dead_code,
    )
