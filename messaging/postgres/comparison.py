"""Twilio's list beside the database: one function for each query of `sql/comparison.sql`.

What is compared lives in temporary tables, which go with the connection: all of these functions
take one and the same, without a transaction pooler between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.domain.comparison import Finding, Kind, Seen, Window
from messaging.domain.doubt import CLOCK_SKEW
from messaging.domain.job import JobId
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query

_NO_ID = JobId(UUID(int=0))


def begin(conn: Postgres) -> None:
    """Makes room for what Twilio's list shows and for what comparing comes to."""
    conn.execute(query("comparison", "open_seen"))
    conn.execute(query("comparison", "open_verdicts"))


def note_seen(conn: Postgres, seen: Sequence[Seen]) -> None:
    """Notes messages of Twilio's list; one that comes twice is noted once."""
    rows = [
        {
            "sid": one.sid,
            "recipient": one.recipient,
            "body": one.body,
            "bare_body": one.bare_body,
            "is_ours": one.is_ours,
            "status": one.status,
            "error_code": one.error_code,
            "created_at": one.created_at.isoformat() if one.created_at else None,
        }
        for one in seen
    ]
    conn.execute(query("comparison", "note_seen"), {"seen": Jsonb(rows)})


def bare_rows(conn: Postgres, after: JobId | None, most: int) -> list[JobId]:
    """Rows that are not prepared and may be what Twilio has, in order, after the one given."""
    rows = conn.execute(query("comparison", "bare_rows"), {"after": after or _NO_ID, "most": most})
    return [JobId(id) for (id,) in rows]


def seen_count(conn: Postgres) -> int:
    """How many messages Twilio's list showed."""
    return _number(conn, "seen_count")


def judge(conn: Postgres, window: Window, *, native: bool, lines: Sequence[str] = ()) -> None:
    """Says what each message and each job comes to; `native` is whether Twilio may keep texts.

    `lines` are what first texts may have got below their own words.
    """
    conn.execute(query("comparison", "analyze_seen"))
    conn.execute(
        query("comparison", "judge"),
        {"native": native, "skew": CLOCK_SKEW, "until": window.until, "lines": list(lines)},
    )
    conn.execute(
        query("comparison", "judge_missing"), {"since": window.since, "until": window.until}
    )


def counts(conn: Postgres) -> Mapping[Kind, int]:
    """How many findings there are of each kind."""
    rows = conn.execute(query("comparison", "verdict_counts"))
    found = {Kind(verdict): count for verdict, count in rows}
    return {kind: found.get(kind, 0) for kind in Kind}


def findings(conn: Postgres, kind: Kind, after: int, most: int) -> tuple[Finding, ...]:
    """Findings of one kind, in order, after the one with that number."""
    with conn.cursor(row_factory=class_row(Finding)) as cursor:
        rows = cursor.execute(
            query("comparison", "verdicts"), {"verdict": kind, "after": after, "most": most}
        )
        return tuple(replace(row, verdict=kind) for row in rows)


def drop(conn: Postgres, finding: Finding) -> None:
    """Takes a finding back."""
    conn.execute(query("comparison", "drop_verdict"), {"id": finding.id})


def hold_suspects(conn: Postgres, by: str | None) -> int:
    """Holds the jobs whose texts may be out; how many it held."""
    return len(conn.execute(query("comparison", "hold_suspects"), {"by": by}).fetchall())


def _number(conn: Postgres, name: str) -> int:
    row = conn.execute(query("comparison", name)).fetchone()
    return int(row[0]) if row else 0
