"""What people may do: a caller who cancels, and somebody who decides about a held job."""

from collections.abc import Iterator

from tests.model.entries import renewed
from tests.model.rules import Rules
from tests.model.state import CHECKED, CLAIMED, HELD, IN_DOUBT, PENDING, WAITING, Move, State
from tests.model.statements import cancel, resolve


def moves(rules: Rules, state: State) -> Iterator[Move]:
    """The steps of people, who may take none."""
    job = state.job
    if rules.cancels and (canceled := cancel(rules, job)) != job:
        yield Move("a caller cancels the job", state._replace(job=canceled))
    if rules.person and job.status in (HELD, IN_DOUBT):
        yield from _decide(rules, state)


def _decide(rules: Rules, state: State) -> Iterator[Move]:
    """A person decides. That nothing was sent is said by one who has looked, and waited."""
    canceled = resolve(rules, state.job, "cancel")
    yield Move("a person cancels the job", state._replace(job=canceled))
    if state.text.taken:
        sent = resolve(rules, state.job, "sent")
        yield Move("a person finds its text at Twilio", state._replace(job=sent))
    if state.job.status == HELD and (not rules.person_looks or _is_out_of_the_world(rules, state)):
        again = resolve(rules, state.job, "resend")
        assert again.status == PENDING
        yield Move("a person has it sent again", renewed(state, again))


def _is_out_of_the_world(rules: Rules, state: State) -> bool:
    """Whether Twilio has no text of this job, and nobody is about to hand it one."""
    return not (
        state.text.taken
        or state.flights
        or any(
            worker.at in (CHECKED, WAITING)
            or (worker.at == CLAIMED and worker.age < rules.times.deadline)
            for worker in state.workers
        )
    )
