"""What is kept no longer: one function for each named query of `sql/retention.sql`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg.rows import class_row, dict_row

from messaging.domain.keeping import Kept, Kind, Times
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query

Walk = Literal["sent", "failed", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many rows were looked at, and how many of them are deleted."""

    looked: int
    deleted: int


def forget_jobs(
    conn: Postgres, walk: Walk, keep: timedelta | None, keep_dead: timedelta | None, most: int
) -> Forgotten:
    """Goes on with a walk through ended jobs and deletes what is spent; None is for good."""
    values = {"walk": walk, "keep": keep, "keep_dead": keep_dead, "most": most}
    return _forgotten(conn, "forget_jobs", values)


def forget_journal(conn: Postgres, keep: timedelta, most: int) -> Forgotten:
    """Goes on with the walk through the journal and deletes that of ended jobs."""
    return _forgotten(conn, "forget_journal", {"keep": keep, "most": most})


def forget_letters(conn: Postgres, keep: timedelta, most: int) -> int:
    """Deletes old queue entries that nobody could use; how many."""
    row = conn.execute(
        query("retention", "forget_letters"), {"keep": keep, "most": most}
    ).fetchone()
    return int(row[0]) if row else 0


def forget_processes(conn: Postgres, keep: timedelta) -> int:
    """Forgets processes that have been silent for so long; how many."""
    return conn.execute(query("retention", "forget_processes"), {"keep": keep}).rowcount


def note_deletion(conn: Postgres, kind: Kind, removed: int, most: int) -> None:
    """Writes down that so many rows were deleted, of at most so many."""
    values = {"walk": kind, "removed": removed, "most": most}
    conn.execute(query("retention", "note_deletion"), values)


def kept(conn: Postgres, times: Times) -> list[Kept]:
    """How it stands with each kind that may be deleted."""
    given = {
        "keep": times.jobs,
        "keep_dead": times.dead,
        "keep_journal": times.journal,
        "keep_processes": times.processes,
    }
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("retention", "kept"), given).fetchall()
    kinds = [Kind(row.pop("walk")) for row in rows]
    return [
        Kept(kind=kind, keep=times.of(kind), **row) for kind, row in zip(kinds, rows, strict=True)
    ]


def kept_otherwise(conn: Postgres) -> Mapping[str, datetime | None]:
    """The oldest of what no setting deletes: inbound, ledger, series, archives, cap_uses."""
    return dict(conn.execute(query("retention", "kept_otherwise")).fetchall())


def be_modest(conn: Postgres) -> None:
    """Lets no statement of this transaction take longer than some seconds."""
    conn.execute(query("retention", "be_modest"))


def _forgotten(conn: Postgres, name: str, values: Mapping[str, object]) -> Forgotten:
    with conn.cursor(row_factory=class_row(Forgotten)) as cursor:
        row = cursor.execute(query("retention", name), values).fetchone()
    return row or Forgotten(looked=0, deleted=0)
