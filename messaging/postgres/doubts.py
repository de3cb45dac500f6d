"""Jobs in doubt: one function for each named query of `sql/doubts.sql`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from messaging.domain.doubt import Doubt
from messaging.domain.job import InDoubtPolicy, Sid
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


def in_doubt_due(conn: Postgres, lease: timedelta, most: int) -> list[Doubt]:
    """Takes jobs in doubt that want a look, for the time of the lease."""
    rows = conn.execute(query("doubts", "in_doubt_due"), {"lease": lease, "most": most})
    return [_doubt(*row) for row in rows]


def owned_sids(conn: Postgres, sids: Iterable[Sid]) -> set[Sid]:
    """Which of these SIDs already belong to a job."""
    rows = conn.execute(query("doubts", "owned_sids"), {"sids": list(sids)})
    return {Sid(sid) for (sid,) in rows}


def note_clean_read(conn: Postgres, doubt: Doubt, wait: timedelta) -> None:
    """Counts a full read of Twilio's list without the job, which is looked at again later.

    A read counts once, however often it is noted.
    """
    conn.execute(
        query("doubts", "note_clean_read"),
        {
            "id": doubt.id,
            "attempt": doubt.attempt,
            "clean_reads": doubt.clean_reads,
            "wait": wait,
        },
    )


def note_silence(conn: Postgres, doubt: Doubt, wait: timedelta) -> None:
    """Has the job looked at again after this time; the last look told nothing."""
    conn.execute(
        query("doubts", "note_silence"), {"id": doubt.id, "attempt": doubt.attempt, "wait": wait}
    )


def _doubt(*row: Any) -> Doubt:
    names = Doubt.__dataclass_fields__
    values = dict(zip(names, row, strict=True))
    policy = values["in_doubt_policy"]
    return Doubt(**{**values, "in_doubt_policy": InDoubtPolicy(policy) if policy else None})
