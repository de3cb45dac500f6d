"""A trial of an import: everything is checked as for real, and nothing is handed over."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from messaging.bounds import Bounds
from messaging.domain.draft import Draft
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued
from messaging.settings import Settings
from messaging.steps.drafting import prepare_all


def rehearse(
    conn: Postgres, settings: Settings, bounds: Bounds, drafts: Sequence[Draft]
) -> list[Enqueued]:
    """`valid` or `refused` for each draft, in order. Duplicates are not looked for."""

    def connection() -> AbstractContextManager[Postgres]:
        return nullcontext(conn)

    given = dict(enumerate(drafts, start=1))
    region, lines = settings.default_region, settings.lines
    drafted = prepare_all(given, region, bounds.of(connection), lines, connection)
    return [_tried(position, drafted.refused.get(position)) for position in given]


def _tried(position: int, reason: str | None) -> Enqueued:
    result = "valid" if reason is None else "refused"
    return Enqueued(position=position, id=None, result=result, reason=reason)
