"""Jobs: one function for each named query of `sql/jobs.sql`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from messaging.domain.caps import Caps
from messaging.domain.category import Category
from messaging.domain.entries import Hint, Standing
from messaging.domain.job import Claim, JobId, Status
from messaging.domain.outcome import Outcome
from messaging.postgres import arrays
from messaging.postgres.caps import given
from messaging.postgres.claims import Standings, claims
from messaging.postgres.fast_json import dumped, rows_as_jsonb
from messaging.postgres.named import query

Postgres = Connection[TupleRow]
_STATUSES = {status.value: status for status in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What of the upkeep has something to do now."""

    promotion: bool
    doubts: bool
    recalls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What attempts came to, and the entries of a queue that go with them once they are settled."""

    outcomes: Sequence[Outcome]
    queue: str | None = None
    entries: Mapping[JobId, int] = field(default_factory=dict)
    """The jobs' entries in the queue, by number."""
    rules: str | None = None
    """The key of the rulebook that these were judged by, for their journals."""

    @property
    def ids(self) -> set[JobId]:
        """The jobs that it is about."""
        return {outcome.job_id for outcome in self.outcomes}

    def rows(self) -> Iterator[tuple[Outcome, str, str | None, int | None]]:
        """Each outcome with its details as JSON, the queue, and its entry there. What is in doubt
        keeps its entry."""
        rules = {"rules": self.rules} if self.rules else {}
        for outcome in self.outcomes:
            details = dumped({**outcome.details, **rules, "status": outcome.status})
            kept = outcome.status is Status.IN_DOUBT
            entry = None if kept else self.entries.get(outcome.job_id)
            yield outcome, details, self.queue, entry


def claim(
    conn: Postgres,
    ids: Iterable[JobId],
    lease: timedelta,
    caps: Caps | None = None,
    standings: Standings | None = None,
) -> list[Claim]:
    """Makes pending jobs ours to send; those of somebody else are not in the answer, nor those
    that are stopped or for which the caps have no room.

    `standings` is asked once they are ours.
    """
    values = {"ids": arrays.ids(ids), "lease": lease, "caps": given(caps)}
    return claims(conn.execute(query("jobs", "claim"), values).fetchall(), standings)


def claim_for_handover(
    conn: Postgres,
    soonest: timedelta,
    latest: timedelta,
    lease: timedelta,
    most: int,
    lined: Iterable[Category] | None = None,
    standings: Standings | None = None,
) -> list[Claim]:
    """Makes scheduled jobs that Twilio can keep ours to hand over.

    `lined` are the categories whose first texts get the opt-out line, None where none does.
    `standings` is asked once they are ours.
    """
    found = conn.execute(
        query("jobs", "claim_for_handover"),
        {
            "soonest": soonest,
            "latest": latest,
            "lease": lease,
            "most": most,
            "lined": _written(lined),
        },
    )
    return claims(found.fetchall(), standings)


def standing(
    conn: Postgres,
    ids: Iterable[JobId],
    *,
    in_segments: bool = False,
    lined: Iterable[Category] | None = None,
) -> dict[JobId, Standing | None]:
    """What the bridge must know of those jobs that are not `READY`; None: there is no such job.

    Each counts as one segment, unless they are counted. `lined` are the categories whose first
    texts get the opt-out line, None where none does.
    """
    values = {"ids": arrays.ids(ids), "in_segments": in_segments, "lined": _written(lined)}
    rows = conn.execute(query("jobs", "standing"), values).fetchall()
    return {
        JobId(id): Standing(
            status=_STATUSES[status],
            prepared=prepared,
            resends=resends,
            age=age,
            segments=segments,
            may_need_line=may_need_line,
        )
        if status
        else None
        for id, status, prepared, resends, age, segments, may_need_line in rows
    }


def settle(
    conn: Postgres, outcomes: Sequence[Outcome], queue: str | None, hints: Iterable[Hint] = ()
) -> set[JobId]:
    """Writes what attempts came to and removes their entries from `queue`, save those in doubt.

    Returns the jobs that were settled; a missing one was settled by somebody who knew better.
    """
    entries = {hint.job_id: hint.msg_id for hint in hints}
    settling = Settling(outcomes=outcomes, queue=queue, entries=entries)
    return settling.ids - settle_all(conn, [settling])


def settle_all(
    conn: Postgres, settlings: Iterable[Settling], patience: timedelta | None = None
) -> set[JobId]:
    """The same for several at once, no two of which may be about one job; returns the jobs that
    were not settled.

    Raises psycopg.errors.LockNotAvailable where somebody holds a row for longer than `patience`.
    """
    rows = [row for settling in settlings for row in settling.rows()]
    if not rows:
        return set()
    outcomes, details, queues, entries = zip(*rows, strict=True)
    values = {
        **_columns(outcomes),
        "details": arrays.texts(details),
        "queues": arrays.optional(queues),
        "msg_ids": arrays.optional_numbers(entries),
        "patience": round(patience / timedelta(milliseconds=1)) if patience else None,
    }
    answer = conn.execute(query("jobs", "settle"), values)
    unsettled = {JobId(id) for (id,) in answer.fetchall()}
    unsent = [one for one in outcomes if one.status not in (Status.SENT, Status.IN_DOUBT)]
    if unsent:
        # What did not go out does not count against the caps.
        rows_of = [
            {
                "job_id": one.job_id.hex,
                "attempt": one.attempt,
                "kind": one.kind,
                "details": one.details,
            }
            for one in unsent
        ]
        conn.execute(query("guards", "give_back"), {"outcomes": rows_as_jsonb(rows_of)})
    return unsettled


def _columns(outcomes: Sequence[Outcome]) -> dict[str, str | None]:
    """As `messaging.settle` takes them; most outcomes say nothing in the last ones."""
    handed_over = [one.handed_over for one in outcomes]
    errors = [one.error_details for one in outcomes]
    waits = [None if one.due_in is None else one.due_in.total_seconds() for one in outcomes]
    return {
        "job_ids": arrays.ids([one.job_id for one in outcomes]),
        "attempts": arrays.numbers([one.attempt for one in outcomes]),
        "statuses": arrays.texts([one.status for one in outcomes]),
        "kinds": arrays.texts([one.kind for one in outcomes]),
        "twilio_sids": arrays.optional([one.twilio_sid for one in outcomes]),
        "delivery_statuses": arrays.optional([one.delivery_status for one in outcomes]),
        "segments": arrays.optional_numbers([one.segments for one in outcomes]),
        "handed_over": arrays.optional_numbers([int(one) or None for one in handed_over]),
        "due_in": arrays.optional_numbers(waits),
        "retry_counts": arrays.optional_numbers([one.retry_count for one in outcomes]),
        "doubt_resends": arrays.optional_numbers([one.doubt_resends for one in outcomes]),
        "error_codes": arrays.optional_numbers([one.error_code for one in outcomes]),
        "error_details": arrays.optional([None if it is None else dumped(it) for it in errors]),
    }


def due_now(conn: Postgres, within: timedelta) -> Due:
    """What has something to do; of jobs that `hurry` would take, within so long."""
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        row = cursor.execute(query("jobs", "due_now"), {"within": within}).fetchone()
    return row or Due(promotion=True, doubts=True, recalls=True)


def promote(conn: Postgres, most: int) -> int:
    """Puts jobs whose time has come into their queues, at most so many; how many it were."""
    return _number(conn, "promote", {"most": most})


def expire(conn: Postgres, most: int) -> int:
    """Ends waiting jobs whose deadline has passed, at most so many; how many it were."""
    return _number(conn, "expire", {"most": most})


def hurry(conn: Postgres, within: timedelta, most: int) -> int:
    """Puts jobs that expire so soon into the urgent queue while that is shorter than so many."""
    return _number(conn, "hurry", {"within": within, "most": most})


def restore_entries(conn: Postgres, older_than: timedelta) -> int:
    """Gives pending jobs whose queue entry is gone a new one; how many it were."""
    return _number(conn, "restore_entries", {"older_than": older_than.total_seconds()})


def sweep_processing(conn: Postgres) -> list[JobId]:
    """Puts jobs whose worker has died in doubt."""
    return [JobId(id) for (id,) in conn.execute(query("jobs", "sweep_processing"))]


def _written(categories: Iterable[Category] | None) -> list[str] | None:
    return None if categories is None else [str(category) for category in categories]


def _number(conn: Postgres, name: str, values: Mapping[str, object]) -> int:
    row = conn.execute(query("jobs", name), values).fetchone()
    return int(row[0]) if row else 0
