"""What happens besides the workers: promotion, sweep, reconciliation, time."""

from collections.abc import Iterator

from tests.model.decisions import WITHOUT, asks_list, verdict
from tests.model.entries import renewed
from tests.model.rules import Rules
from tests.model.state import (
    CHECKED,
    CLAIMED,
    IN_DOUBT,
    NOTHING,
    PENDING,
    PROCESSING,
    RETRYING,
    WAITING,
    Look,
    Move,
    State,
    Worker,
)
from tests.model.statements import Refused, note_clean_read, promote, settle, sweep
from tests.model.twilio import lists

_AWAY = Look()


def moves(rules: Rules, state: State) -> Iterator[Move]:
    """The steps of promotion, sweep, reconcilers and time."""
    job, lease = state.job, rules.times.send_lease
    if job.status == RETRYING:
        yield Move("the retry is due", renewed(state, promote(rules, job)), True)
    if rules.sweeps and job.status == PROCESSING and job.age >= lease:
        yield Move("the sweep finds the job", state._replace(job=sweep(rules, job)), True)
    if rules.reconciles:
        for number, look in enumerate(state.looks):
            yield from _writes(rules, state, number) if look.open else _reads(rules, state, number)
    if (later := _later(rules, state)) is not None:
        yield Move("time passes", later, True)


def _reads(rules: Rules, state: State, number: int) -> Iterator[Move]:
    """The job's age is taken before the list is read: here both happen at once, the worst case."""
    job = state.job
    if job.status != IN_DOUBT:
        return
    if not asks_list(rules):
        look = Look(True, True, verdict(WITHOUT, rules, job.age, job.resends, job.reads))
        yield Move("a reconciler goes by the policy", _put(state, number, look), True)
        return
    for seen, lasting in lists(rules, state.text).items():
        look = Look(True, True, verdict(seen, rules, job.age, job.resends, job.reads))
        yield Move(f"a reconciler reads the list: {seen}", _put(state, number, look), lasting)
    if not rules.errors_prove_nothing:
        look = Look(True, True, verdict(WITHOUT, rules, job.age, job.resends, job.reads))
        yield Move("the list does not answer, and counts", _put(state, number, look))


def _writes(rules: Rules, state: State, number: int) -> Iterator[Move]:
    look, before = state.looks[number], state.job
    state = _put(state, number, _AWAY)
    stale, answer = not look.last, look.verdict.answer
    yield Move("a reconciler is killed", state)
    if look.verdict == NOTHING:
        noted = note_clean_read(before, last=look.last)
        yield Move("a reconciler counts a clean read", state._replace(job=noted), True, stale)
        return
    label = f"a reconciler settles {look.verdict.status} ({answer})"
    try:
        job = settle(rules, before, look.verdict, last=look.last, fresh=False)
    except Refused:
        yield Move(f"{label}: refused", state, True, stale, True)
        return
    if job == before:
        yield Move(f"{label}: nothing changes", state, True, stale)
        return
    after = renewed(state, job) if job.status == PENDING else state._replace(job=job)
    yield Move(label, after, True, stale, False, answer)


def _put(state: State, number: int, look: Look) -> State:
    looks = state.looks
    return state._replace(looks=(*looks[:number], look, *looks[number + 1 :]))


def _later(rules: Rules, state: State) -> State | None:
    """The state a tick later; None while something must happen before, or if nothing changes."""
    times, text, job = rules.times, state.text, state.job
    if _is_due(rules, state):
        return None
    after = state._replace(
        job=job._replace(age=min(job.age + 1, times.quiescence)),
        workers=tuple([_older(rules, worker) for worker in state.workers]),
        flights=tuple([age + 1 for age in state.flights]),
        text=text._replace(age=min(text.age + 1, times.list_lag + 1)) if text.taken else text,
    )
    return None if after == state else after


def _is_due(rules: Rules, state: State) -> bool:
    """Whether something cannot wait another tick."""
    flight, text = rules.times.flight, state.text
    if any(age >= flight for age in state.flights):
        return True
    if rules.prompt_callbacks and text.age and not (text.called or state.job.sid):
        return True
    return any(
        (worker.at == WAITING and worker.age >= flight)
        or (worker.at == CHECKED and worker.age >= rules.pause)
        for worker in state.workers
    )


def _older(rules: Rules, worker: Worker) -> Worker:
    if worker.at == CLAIMED:
        return worker._replace(age=min(worker.age + 1, rules.times.deadline))
    if worker.at in (CHECKED, WAITING):
        return worker._replace(age=worker.age + 1)
    return worker
