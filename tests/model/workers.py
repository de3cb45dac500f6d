"""What a worker may do next: claim, write, learn what came of it, settle, or die anywhere.

No worker is ever in a hurry: a pause of the process, however long, is a worker whose next step
comes late. Only between the last check and the write it cannot stand still, as long as `pause`
is 0.
"""

from collections.abc import Iterator

from tests.model.decisions import come_to
from tests.model.rules import Rules
from tests.model.state import (
    ANSWERED,
    CHECKED,
    CLAIMED,
    FRESH,
    IDLE,
    NONE,
    WAITING,
    Job,
    Look,
    Move,
    State,
    Worker,
)
from tests.model.statements import Refused, claim, settle

_NOTHING_TO_DO = Worker()


def moves(rules: Rules, state: State) -> Iterator[Move]:
    """The steps of every worker."""
    for number, worker in enumerate(state.workers):
        yield from _STEPS[worker.at](rules, state, number, worker)
        if worker.at != IDLE:
            yield Move(f"worker {number + 1} is killed", _gone(state, number, worker))


def put(state: State, number: int, worker: Worker) -> State:
    """The state with this worker in it."""
    workers = state.workers
    workers = (*workers[:number], worker, *workers[number + 1 :])
    return State(state.job, workers, state.looks, state.flights, state.text, state.hint)


def answered(rules: Rules, worker: Worker, word: str) -> Worker:
    """The worker, once it knows this of its request."""
    written = come_to(word, rules, worker.retries, worker.resends)
    return Worker(at=ANSWERED, last=worker.last, fresh=worker.fresh, written=written)


def _gone(state: State, number: int, worker: Worker) -> State:
    """A worker that is no more. Its request goes on without it."""
    if worker.at == WAITING:
        state = state._replace(flights=tuple(sorted((*state.flights, worker.age))))
    return put(state, number, _NOTHING_TO_DO)


def _idle(rules: Rules, state: State, number: int, worker: Worker) -> Iterator[Move]:
    if rules.queue and state.hint == NONE:
        return
    hint, state = state.hint, state._replace(hint=NONE)
    try:
        job = claim(rules, state.job)
    except Refused:
        job = None
    if job is None:
        if rules.queue:
            yield Move(f"worker {number + 1} gets a hint and finds nothing to claim", state, True)
        return
    after = _claimed(rules, state, job)
    mine = Worker(CLAIMED, True, 0, job.retries, job.resends, hint == FRESH)
    yield Move(f"worker {number + 1} claims the job", put(after, number, mine), True)
    yield Move(f"worker {number + 1} claims the job, and never hears that it did", after)
    if rules.failover:
        lost = put(state, number, mine._replace(last=False))
        yield Move(f"worker {number + 1} claims the job, and Postgres loses that commit", lost)


def _claimed(rules: Rules, state: State, job: Job) -> State:
    """The state with the claim in it: whoever had one before now has an earlier one."""
    if not rules.intention:
        return state._replace(job=job)
    workers = tuple([w._replace(last=False) if w.last else w for w in state.workers])
    looks = tuple([Look(look.open, False, look.verdict) for look in state.looks])
    return state._replace(job=job, workers=workers, looks=looks)


def _has_claim(rules: Rules, state: State, number: int, worker: Worker) -> Iterator[Move]:
    if worker.age < rules.times.deadline or not rules.checks_deadline:
        yield _check(state, number, worker) if rules.pause else _write(state, number, worker)
        for word in ("no connection", "a failure of our own"):
            after = put(state, number, answered(rules, worker, word))
            yield Move(f"worker {number + 1} does not write: {word}", after)
        return
    after = put(state, number, answered(rules, worker, "too late to write"))
    yield Move(f"worker {number + 1} does not write: it is too late", after, True)


def _may_write(rules: Rules, state: State, number: int, worker: Worker) -> Iterator[Move]:
    yield _write(state, number, worker)


def _check(state: State, number: int, worker: Worker) -> Move:
    after = put(state, number, worker._replace(at=CHECKED, age=0))
    return Move(f"worker {number + 1} sees that it may write", after, True)


def _write(state: State, number: int, worker: Worker) -> Move:
    after = put(state, number, worker._replace(at=WAITING, age=0))
    return Move(f"worker {number + 1} writes the request", after, True)


def _waits(rules: Rules, state: State, number: int, worker: Worker) -> Iterator[Move]:
    after = _gone(state, number, worker)
    after = put(after, number, answered(rules, worker, "no answer"))
    yield Move(f"worker {number + 1} waits no longer for an answer", after)


def _knows(rules: Rules, state: State, number: int, worker: Worker) -> Iterator[Move]:
    """It settles. Where it does not hear that it did, it settles again."""
    name, stale = f"worker {number + 1}", not worker.last
    what = f"{worker.written.status} ({worker.written.answer})"
    try:
        job = settle(rules, state.job, worker.written, last=worker.last, fresh=worker.fresh)
    except Refused:
        after = put(state, number, _NOTHING_TO_DO)
        yield Move(f"{name} settles {what}: refused", after, True, stale, True)
        return
    settled = state._replace(job=job)
    label = f"{name} settles {what}" + (": nothing changes" if job == state.job else "")
    answer = worker.written.answer
    yield Move(label, put(settled, number, _NOTHING_TO_DO), True, stale, False, answer)
    if job != state.job:
        yield Move(f"{label}, and never hears that it did", settled, False, stale, False, answer)


_STEPS = {
    IDLE: _idle,
    CLAIMED: _has_claim,
    CHECKED: _may_write,
    WAITING: _waits,
    ANSWERED: _knows,
}
