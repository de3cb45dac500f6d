"""Storage: what each step costs with few final rows and with many, and what deleting costs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from threading import Event, Thread

from messaging import events, retention, runtime
from messaging.domain.answers import Accepted
from messaging.domain.job import InDoubtPolicy, JobId, Lane, Sid
from messaging.domain.outcome import Outcome, RetryRules, outcome
from messaging.domain.receipt import Receipt
from messaging.errors import Unreachable
from messaging.local.bench import history, sending, texts
from messaging.local.bench.figures import Figure, Samples
from messaging.local.bench.growth import Grown, compared
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.site import Site
from messaging.postgres import alerts, figures, jobs, messages, queues
from messaging.postgres.jobs import Postgres
from messaging.postgres.migrate import migrate

Say = Callable[[str], None]

_PART = "storage"
_FEW_ROWS = 1000
_FEW = "few"
"""The database beside the large one, which is the service's own."""
_KEPT_DAYS = 365
"""Two thirds of the rows are older: there is always something to delete."""
_ROUND = 1.0
"""Seconds between two batches, as beat has it."""
_LEASE = timedelta(minutes=5)
_LIMITS = {"queue_depth": 50_000, "dead_letters": 1, "in_doubt": 50, "held": 1}
_RULES = RetryRules(
    base=timedelta(minutes=2),
    longest=timedelta(hours=1),
    jitter=0.2,
    default_policy=InDoubtPolicy.RECONCILE,
)
_SCHEDULE = """
insert into public.message_jobs
  (recipient_phone, message_content, status, scheduled_for, prepared_at)
select phone, body, 'scheduled', now(), now()
from unnest(%s::text[], %s::text[]) as given (phone, body)
"""
_IS_DONE = """
select not exists (
  select from public.message_jobs
  where status in ('scheduled', 'pending', 'processing', 'retrying', 'in_doubt')
)
"""


@dataclass(slots=True)
class Times:
    """Milliseconds of each step, a value a round."""

    runs: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Notes how long the block takes."""
        began = time.perf_counter()
        yield
        self.runs.setdefault(step, []).append(1000 * (time.perf_counter() - began))

    def figures(self) -> list[Figure]:
        """All of them, in the order of their first round; the first one warms up."""
        return [
            Figure(part=_PART, name=step, unit="ms", ours=runs[1:], is_more_better=False)
            for step, runs in self.runs.items()
        ]


def measure(site: Site, options: BenchOptions, say: Say) -> list[Figure]:
    """Each step's time in both tables, and sending with and without deletion beside it."""
    migrate(site.new_database(_FEW))
    few, many = site.connect(_FEW), site.connect("messaging")
    for conn, rows in ((few, _FEW_ROWS), (many, options.rows)):
        say(f"{_PART}: filling a table with {rows:,} final rows")
        for _ in history.fill(conn, rows):
            pass
    found = steps(few, many, options.runs, options.rows)
    return found + beside(site, options, say)


def steps(few: Postgres, many: Postgres, runs: int, rows: int) -> list[Figure]:
    """What each step takes with few rows and with so many, in turn, and the second to the first."""
    times = (Times(), Times())
    sides = list(zip((few, many), times, strict=True))
    for number in range(runs + 1):
        for conn, noted in sides if number % 2 else reversed(sides):
            _go_through(conn, noted, number)
    pairs = zip(times[0].figures(), times[1].figures(), strict=True)
    return [figure for pair in pairs for figure in compared(*pair, f"{rows:,} rows")]


def beside(site: Site, options: BenchOptions, say: Say) -> list[Figure]:
    """Sending while a batch of the oldest is deleted each second, and while nothing is."""
    ours = Settled(site)
    sending.warm_up(site, ours, options.messages)
    alone, busy = Samples(), Samples()
    for number in range(1, options.runs + 1):
        alone.ours.append(sending.send(site, ours, options.messages))
        with _deleting(site) as deleted:
            busy.ours.append(sending.send(site, ours, options.messages))
        say(
            f"{_PART}, run {number} of {options.runs}: {alone.ours[-1].rate:,.0f}/s, and "
            f"{busy.ours[-1].rate:,.0f}/s while {sum(deleted):,} rows were deleted"
        )
    pairs = zip(alone.figures(_PART, "message"), busy.figures(_PART, "message"), strict=True)
    return [
        figure
        for one, other in pairs
        for figure in (one, other.under("deleting"), other.share_of(one, "deleting to alone"))
    ]


class Settled(Grown):
    """The service, which knows that it is done although history has failures."""

    def is_done(self) -> bool:
        """Whether no text is left that was to be sent. By an index: looking is cheap."""
        return bool(self._number(_IS_DONE))


def _go_through(conn: Postgres, times: Times, number: int) -> None:
    """The life of a thousand messages, and what people and alerts look at."""
    count = _FEW_ROWS
    phones = [texts.recipient(n) for n in range(count)]
    bodies = [texts.body(count * number + n) for n in range(count)]
    with times.of("insert 1,000"):
        conn.execute(_SCHEDULE, [phones, bodies])
    with times.of("promote 1,000"):
        promoted = jobs.promote(conn, count)
    with times.of("lease 1,000"):
        leased = queues.lease(conn, Lane.NORMAL.queue, _LEASE, count)
    ids = [JobId(entry.job_id) for entry in leased if entry.job_id]
    with times.of("claim 1,000"):
        claims = jobs.claim(conn, ids, _LEASE)
    if not promoted == len(ids) == len(claims) == count:
        raise Unreachable(f"Of {count} rows, {promoted} were promoted and {len(claims)} claimed.")
    dice = Random(number)  # noqa: S311 - nothing is to be kept secret
    outcomes = [
        outcome(claim, Accepted(sid=_sid(claim.id), status="queued"), _RULES, dice)
        for claim in claims
    ]
    entries = {id: entry.msg_id for id, entry in zip(ids, leased, strict=True)}
    with times.of("settle 1,000"):
        _settle(conn, outcomes, entries)
    receipts = [Receipt(sid=_sid(id), status="delivered", job_id=id, attempt=1) for id in ids]
    with times.of("record 1,000 receipts"):
        messages.record_receipts(conn, receipts)
    _look(conn, times, ids)


def _look(conn: Postgres, times: Times, ids: list[JobId]) -> None:
    with times.of("show and journal of 100"):
        for id in ids[:100]:
            messages.show(conn, id)
            messages.events(conn, id)
    with times.of("queue view"):
        queues.depths(conn)
    with times.of("messaging queues, /metrics"):
        figures.read(conn)
    with times.of("messaging stats"):
        figures.failures(conn)
    with times.of("a look at alerts"):
        alerts.readings(conn, _LIMITS, timedelta(seconds=45))


def _settle(conn: Postgres, outcomes: list[Outcome], entries: dict[JobId, int]) -> None:
    settling = jobs.Settling(outcomes=outcomes, queue=Lane.NORMAL.queue, entries=entries)
    if jobs.settle_all(conn, [settling]):
        raise Unreachable("A message that was claimed was not settled.")


def _sid(id: JobId) -> Sid:
    return Sid(f"SM{id.hex}")


@contextmanager
def _deleting(site: Site) -> Iterator[list[int]]:
    """Deletes as beat has it done, until the block ends; how many rows went each second."""
    # INFO has a line for each batch.
    changed = {"keep_jobs_days": _KEPT_DAYS, "log_level": "WARNING"}
    rt = runtime.build(site.settings.model_copy(update=changed))
    events.configure(rt.settings)
    over, deleted = Event(), list[int]()

    def delete() -> None:
        while True:
            deleted.append(retention.retain(rt).jobs)
            if over.wait(_ROUND):
                return

    thread = Thread(target=delete)
    thread.start()
    try:
        yield deleted
    finally:
        over.set()
        thread.join()
        rt.close()
