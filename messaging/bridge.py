"""The bridge: leases queue entries and says which jobs Celery is to send. It publishes nothing."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil, inf

from messaging import events
from messaging.domain.entries import Early, Entry, Hint, Letter, adopted, sort
from messaging.domain.job import Lane
from messaging.postgres import bell, guards, jobs, messages, opting_out, queues
from messaging.postgres.bell import Bell
from messaging.postgres.connect import REFUSALS, single
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued
from messaging.runtime import Runtime
from messaging.settings import Settings
from messaging.steps.completing import complete
from messaging.steps.preparing import prepare_jobs

PATIENCE = timedelta(seconds=8)
"""How long a run waits for its turn before it looks without it, and waits again."""
_FULL = timedelta(milliseconds=50)
"""How long the bridge waits for room while Celery's queue is full."""
_QUIET = timedelta(seconds=1)
"""How long the bridge waits for the bell when there is nothing to do."""
_EMPTY = timedelta(seconds=5)
"""How long it waits there before it glances again at a queue that has no entries at all."""
_PROBING = timedelta(milliseconds=200)
"""How long it waits after it has handed out a text that is to show whether Twilio works again."""
_SHORT_LEASE = timedelta(seconds=5)
"""How long the entry of a text that is sent again out of doubt is leased: others may take it over
sooner. A second hint for a job that is under way is harmless, and costs one look."""
_AT_ONCE = 800
"""How many entries are leased at once, however much room there is: those that come first, and
urgent ones, must not wait until all are sorted."""
_SPREAD = 8
"""A few jobs are spread over this many tasks; more share tasks."""

Chunk = Sequence[Hint]


def chunks(
    rt: Runtime,
    lane: Lane,
    room: Callable[[], int],
    lasting: timedelta,
    *,
    patience: timedelta = PATIENCE,
) -> Iterator[Sequence[Chunk]]:
    """For a while, yields what Celery is to send, a chunk a task, as entries come in.

    `room` says how many more tasks the lane's Celery queue may hold. One bridge is at work on a
    lane, and another waits for its turn. One that has waited for long looks all the same: two
    at once are harmless, and a turn that is never given back must not stop the lane.

    Waiting counts: else each run would end later than the one before, and one wait for too long.
    """
    until = rt.monotonic() + lasting.total_seconds()
    with rt.db.connection() as conn:
        opting_out.note(conn, rt.settings.lines)

    def left() -> timedelta:
        return timedelta(seconds=0 if rt.stopping.is_set() else max(0, until - rt.monotonic()))

    while True:
        with bell.turn(rt.bells, lane, patience, rt.stopping) as rung:
            is_quiet = yield from _look(rt, lane, room(), rung)
            while rung and left():
                # Not while there is much to do: this reads what others have just deleted.
                if is_quiet and rung.is_needless() and not rung.wait(min(_EMPTY, left())):
                    continue
                is_quiet = yield from _look(rt, lane, room(), rung)
        if not left():
            return


def _look(
    rt: Runtime, lane: Lane, tasks: int, rung: Bell | None
) -> Generator[Sequence[Chunk], None, bool]:
    """One look at the queue for `tasks` tasks, and a wait where there is nothing more to do.
    Returns whether it found nothing.

    Tasks that workers have taken and that wait there for the throttle's leave count, too. While no
    text may be sent, entries are left alone, but for one at a time that is to show whether Twilio
    works again.
    """
    outlook = rt.throttle.outlook(lane)
    if outlook.emptied:
        _hand_out_again(rt, lane)
    is_probing = outlook.most is not None
    if is_probing and tasks < window(rt.settings):
        tasks = 0  # somebody may have it already
    tasks -= outlook.waiting
    if tasks <= 0 or outlook.wait:
        rt.wait(max(_FULL, min(outlook.wait, _QUIET)))
        return False
    largest = largest_chunk(rt.settings)
    most = outlook.most or min(tasks * largest, _AT_ONCE)
    entries = lease(rt, lane, most)
    ready = sort_out(rt, lane, entries)
    if ready:
        # Where more wait than one look takes, tasks are as large as they may be.
        spread = min(tasks, _SPREAD) if len(entries) < most else 1
        yield cut(ready, spread, largest)
    if is_probing and ready:
        rt.wait(_PROBING)
    if rung and len(entries) < most:
        rung.wait(_QUIET)
    return not entries


def _hand_out_again(rt: Runtime, lane: Lane) -> None:
    """Redis is empty: the tasks that it held are gone, and their entries need not wait for that."""
    with rt.db.connection() as conn:
        released = queues.release_all(conn, lane.queue)
    if released:
        events.entries_released(lane=lane, jobs=released)


def lease(rt: Runtime, lane: Lane, most: int) -> list[Entry]:
    """Takes the oldest entries of a lane; they come back by themselves unless they are deleted."""
    with single(rt.db) as conn:
        time = timedelta(seconds=rt.settings.entry_lease)
        return queues.lease(conn, lane.queue, time, most, rt.settings.caps)


def sort_out(rt: Runtime, lane: Lane, entries: Sequence[Entry]) -> list[Hint]:
    """Deals with every entry, and returns those whose jobs are ready to be sent.

    Bare rows are prepared, first texts completed, whole messages adopted, spent entries removed,
    those that come too early put off, and what nobody can use goes to the dead letters.
    """
    if not entries:
        return []
    with single(rt.db) as conn:
        unusual = jobs.standing(
            conn,
            [entry.job_id for entry in entries if entry.job_id],
            in_segments=rt.settings.counts_segments,
            lined=rt.settings.lines.lined,
        )
    found = sort(entries, unusual)
    _remove(rt, lane, found.spent)
    _put_off(rt, lane, found.early)
    _lease_shortly(rt, lane, found.again)
    for letter in found.dead:
        _bury(rt, lane, letter)
    for entry in found.whole:
        _adopt(rt, lane, entry)
    prepared = prepare_jobs(rt, [hint.job_id for hint in found.unprepared])
    if not rt.settings.counts_segments:
        prepared = dict.fromkeys(prepared, 1)
    ready = found.ready + [
        replace(hint, segments=prepared[hint.job_id])
        for hint in found.unprepared
        if hint.job_id in prepared
    ]
    candidates = {id for id, job in unusual.items() if job and job.may_need_line}
    return complete(rt, _set_aside(rt, lane, ready), candidates)


def cut(ready: Sequence[Hint], tasks: int, largest: int) -> list[Chunk]:
    """Chunks for about `tasks` tasks: a job each while there are few, never more than `largest`."""
    size = max(1, min(largest, ceil(len(ready) / tasks)))
    return [ready[start : start + size] for start in range(0, len(ready), size)]


def largest_chunk(settings: Settings) -> int:
    """The most jobs in one task: no more than a tenth of a second's limit, where there is one, and
    half of what a worker keeps in flight, which then has several at once."""
    rate = settings.sends_per_second or inf
    return int(max(1, min(settings.chunk, settings.in_flight // 2, rate / 10)))


def window(settings: Settings) -> int:
    """How many tasks may wait in a lane's Celery queue and for leave of the throttle: half a
    second's worth where there is a limit.

    The backlog stays in Postgres, so that urgent messages overtake it and find a thread.
    """
    rate = settings.sends_per_second
    if rate is None:
        return settings.bridge_window
    return max(2, min(settings.bridge_window, ceil(rate / 2 / largest_chunk(settings))))


def _set_aside(rt: Runtime, lane: Lane, ready: Sequence[Hint]) -> list[Hint]:
    """Those that are not stopped; the others wait outside of the queue, where nobody reads them."""
    if not ready:
        return []
    with rt.db.connection() as conn:
        parked = guards.park(conn, [hint.job_id for hint in ready])
        if parked:
            queues.delete(
                conn, lane.queue, [hint.msg_id for hint in ready if hint.job_id in parked]
            )
    return [hint for hint in ready if hint.job_id not in parked] if parked else list(ready)


def _remove(rt: Runtime, lane: Lane, entries: Sequence[Entry]) -> None:
    if entries:
        with rt.db.connection() as conn:
            queues.delete(conn, lane.queue, [entry.msg_id for entry in entries])


def _put_off(rt: Runtime, lane: Lane, entries: Sequence[Early]) -> None:
    """If such a text must be sent again, its old entry comes first; the one made then, last."""
    if entries:
        quiescence = timedelta(seconds=rt.settings.quiescence)
        waits = {entry.msg_id: entry.wait(quiescence) for entry in entries}
        with rt.db.connection() as conn:
            queues.put_off(conn, lane.queue, waits)


def _lease_shortly(rt: Runtime, lane: Lane, msg_ids: Sequence[int]) -> None:
    """If whoever is to send these texts dies with them, they must not wait a whole lease more."""
    if msg_ids:
        with rt.db.connection() as conn:
            queues.release(conn, lane.queue, msg_ids, _SHORT_LEASE)


def _bury(rt: Runtime, lane: Lane, letter: Letter) -> None:
    with rt.db.connection() as conn:
        queues.bury(conn, lane.queue, letter)
    events.entry_buried(queue=lane.queue, msg_id=letter.entry.msg_id, reason=letter.reason)


def _adopt(rt: Runtime, lane: Lane, entry: Entry) -> None:
    """A whole message becomes a job, and its entry goes, in one transaction."""
    try:
        with rt.db.connection() as conn:
            adoption = _enqueue(conn, lane, entry, timedelta(seconds=rt.settings.dedupe_window))
    except REFUSALS as error:
        # Not its text: Postgres quotes the row.
        reason = f"it cannot be stored as a message ({type(error).__name__})"
        _bury(rt, lane, Letter(entry=entry, reason=reason))
        return
    events.entry_adopted(
        queue=lane.queue, msg_id=entry.msg_id, job_id=adoption.id, result=adoption.result
    )


def _enqueue(conn: Postgres, lane: Lane, entry: Entry, window: timedelta) -> Enqueued:
    (adoption,) = messages.enqueue(conn, [adopted(entry, window)])
    if adoption.result == "refused":
        queues.bury(conn, lane.queue, Letter(entry=entry, reason=adoption.reason or "refused"))
    else:
        queues.delete(conn, lane.queue, [entry.msg_id])
    return adoption
