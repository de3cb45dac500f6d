"""What a plan asks of Postgres: one function for each named query of `sql/planning.sql`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from messaging.domain.draft import Prepared
from messaging.domain.first_lines import Standing
from messaging.domain.job import Lane, Phone
from messaging.postgres import enqueuing
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What would be said of a draft: it is refused, or a duplicate, or what follows counts.

    `twin_reason` is why it is refused where its key belongs to a message that says something else;
    `region` is the country of its price, and `stop` what keeps its country or campaign. From
    `had_line` on: what decides about its opt-out line.
    """

    refusal: str | None
    content_key: UUID | None = None
    is_duplicate: bool = False
    twin_reason: str | None = None
    region: str = "?"
    usd: Decimal = Decimal(0)
    stop: str | None = None
    dead_code: int | None = None
    dead_until: datetime | None = None
    had_line: bool = False
    template_line: str | None = None
    asked_language: str | None = None
    template_language: str | None = None
    languages: Sequence[str] = ()
    gsm7: bool = False

    @property
    def standing(self) -> Standing:
        """What decides about its opt-out line."""
        return Standing(
            had_line=self.had_line,
            template_line=self.template_line,
            asked_language=self.asked_language,
            template_language=self.template_language,
            languages=tuple(self.languages),
            gsm7=self.gsm7,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Messages of a lane that become due at the same time, with their segments and price."""

    lane: Lane
    due: datetime
    messages: int
    segments: int
    usd: Decimal


def foresee(conn: Postgres, drafts: Sequence[Prepared], defaults: Defaults) -> Iterator[Foreseen]:
    """What would be said of these if they were handed over now, in their order."""
    if not drafts:
        return iter(())
    try:
        with conn.transaction():
            return iter(_foresee(conn, drafts, defaults))
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if len(drafts) == 1:
            # Not its text: Postgres quotes the row.
            refusal = f"The database refuses this message ({type(error).__name__})."
            return iter([Foreseen(refusal=refusal)])
    return (one for draft in drafts for one in foresee(conn, [draft], defaults))


def uses(conn: Postgres, phones: Sequence[Phone]) -> Mapping[Phone, list[datetime]]:
    """When these numbers had texts in the last day, as far as caps count them."""
    found: defaultdict[Phone, list[datetime]] = defaultdict(list)
    for phone, at in conn.execute(query("planning", "uses"), {"phones": list(set(phones))}):
        found[phone].append(at)
    return found


def ahead(conn: Postgres, until: datetime, *, in_usd: bool) -> list[Waiting]:
    """What waits, and what becomes due until then; its price only where that is asked for."""
    rows = conn.execute(query("planning", "ahead"), {"until": until, "in_usd": in_usd})
    return [
        Waiting(
            lane=Lane(lane), due=due, messages=messages, segments=int(segments), usd=Decimal(usd)
        )
        for lane, due, messages, segments, usd in rows
    ]


def _foresee(conn: Postgres, drafts: Sequence[Prepared], defaults: Defaults) -> list[Foreseen]:
    columns = enqueuing.columns(drafts, defaults)
    with conn.cursor(row_factory=class_row(Foreseen)) as cursor:
        return cursor.execute(query("planning", "foresee"), columns).fetchall()
