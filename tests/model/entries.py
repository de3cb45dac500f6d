"""The job's queue entry and the hints that come of it: handed out, lost, deleted, restored.

Older entries of the same job are not followed: all that they can do is give a hint once more,
and the present one does that as often as its lease runs out.
"""

from collections.abc import Iterator

from tests.model.decisions import bridge_does
from tests.model.rules import Rules
from tests.model.state import DOOMED, FRESH, LEASED, NONE, PENDING, STALE, VISIBLE, Job, Move, State
from tests.model.statements import restore_entry


def moves(rules: Rules, state: State) -> Iterator[Move]:
    """The steps of the bridge, of leases, of Redis, and of somebody who deletes entries."""
    job = state.job
    if job.entry == VISIBLE:
        yield _read(rules, state)
    if job.entry == LEASED:
        yield Move("the entry's lease runs out", _with(state, VISIBLE), True)
    if job.entry == DOOMED:
        yield Move("the bridge deletes the spent entry", _with(state, NONE), True)
        yield Move("the bridge is killed", _with(state, LEASED))
    if job.entry == NONE and job.status == PENDING and rules.restores:
        yield Move("the sweep restores the entry", renewed(state, restore_entry(job)), True)
    if job.entry != NONE and rules.restores:
        yield Move("somebody deletes the entry", _with(state, NONE))
    if state.hint != NONE:
        yield Move("Redis is wiped", state._replace(hint=NONE))


def renewed(state: State, job: Job) -> State:
    """The state once the job has a new entry: hints that are about name an older one."""
    workers = tuple([w._replace(fresh=False) if w.fresh else w for w in state.workers])
    hint = STALE if state.hint == FRESH else state.hint
    return state._replace(job=job, workers=workers, hint=hint)


def _read(rules: Rules, state: State) -> Move:
    what = bridge_does(state.job.status)
    if what == "ready":
        left = LEASED if rules.entry_outlives_claim else NONE
        return Move("the bridge gives a hint", _with(state, left)._replace(hint=FRESH), True)
    if what == "spent":
        return Move("the bridge finds the entry spent", _with(state, DOOMED), True)
    return Move("the bridge leaves the entry", _with(state, LEASED), True)


def _with(state: State, entry: str) -> State:
    return state._replace(job=state.job._replace(entry=entry))
