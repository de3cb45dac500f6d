"""The protocol keeps its promises in every state that can be reached."""

import re
from functools import cache

import pytest

from messaging.domain.job import FINAL, Status
from tests.model.explore import Verdict, explore
from tests.model.properties import ENDS
from tests.model.variants import WORLDS

NOTABLE = {
    "the sweep finds the job",
    "the retry is due",
    "the sweep restores the entry",
    "the entry's lease runs out",
    "the bridge deletes the spent entry",
    "somebody deletes the entry",
    "Redis is wiped",
    "Twilio calls back",
    "a caller cancels the job",
    "a person cancels the job",
    "a person finds its text at Twilio",
    "a person has it sent again",
    "a reconciler is killed",
    "a reconciler counts a clean read",
    "a reconciler reads the list: nothing",
    "a reconciler reads the list: the text",
    "a reconciler reads the list: a text with another body",
    "a reconciler settles sent (found at Twilio)",
    "a reconciler settles sent (found at Twilio): nothing changes",
    "a reconciler settles pending (not found)",
    "a reconciler settles held (undecided)",
    "a reconciler settles failed (undecided)",
    "a worker is killed",
    "a worker gets a hint and finds nothing to claim",
    "a worker claims the job",
    "a worker claims the job, and never hears that it did",
    "a worker writes the request",
    "a worker does not write: it is too late",
    "a worker does not write: no connection",
    "a worker does not write: a failure of our own",
    "a worker waits no longer for an answer",
    "Twilio takes a worker's request, and says so",
    "Twilio takes a worker's request; its answer is lost",
    "Twilio takes a request that nobody waits for",
    "Twilio does not take a worker's request: HTTP 500",
    "Twilio does not take a worker's request: refused (21211)",
    "Twilio does not take a worker's request: too many requests (429)",
    "a request that nobody waits for is lost",
    "a worker settles sent (accepted)",
    "a worker settles sent (accepted), and never hears that it did",
    "a worker settles sent (accepted): nothing changes",
    "a worker settles retrying (not sent): nothing changes",
    "a worker settles failed (rejected)",
    "a worker settles in_doubt (in doubt)",
}
"""Steps without which the promises would be cheap."""


@cache
def explored(world: str) -> Verdict:
    return explore(WORLDS[world])


@pytest.mark.parametrize("world", WORLDS)
def test_every_promise_holds_in_every_state(world: str) -> None:
    verdict = explored(world)
    print(verdict)
    assert verdict.broken is None, f"\n{verdict}"


def test_everything_that_can_go_wrong_does_somewhere() -> None:
    seen = frozenset[str]().union(*(explored(world).seen for world in WORLDS))
    assert set() == NOTABLE - {re.sub(r"worker \d", "a worker", label) for label in seen}


def test_a_job_ends_in_each_way_that_it_may() -> None:
    ends = explored("two workers, everything that can go wrong").ends
    assert {"sent", "failed", "canceled", "held"} == ends


def test_a_job_may_stay_where_it_is_final_or_held_only() -> None:
    assert {*FINAL, Status.HELD} == ENDS
