"""All that is remembered at one moment: in the database, in the workers, in queues, at Twilio.

These are named tuples, not dataclasses: millions of them are compared and hashed, which tuples do
without running any Python. Statuses are plain strings for the same reason.
"""

from typing import NamedTuple

PENDING, PROCESSING, RETRYING, IN_DOUBT = "pending", "processing", "retrying", "in_doubt"
HELD, SENT, FAILED, CANCELED = "held", "sent", "failed", "canceled"

NONE, VISIBLE, LEASED, DOOMED = "none", "visible", "leased", "doomed"
"""The job's queue entry: gone, to be read, handed out, or about to be deleted as spent."""
STALE, FRESH = "stale", "fresh"
"""A hint by the entry that it names: one of an earlier time, or the job's present one."""

IDLE, CLAIMED, CHECKED, WAITING, ANSWERED = "idle", "claimed", "checked", "waiting", "answered"
"""What a worker is at: nothing; has a claim; may write; has written; knows what it came to."""


class Written(NamedTuple):
    """What a settle is to write: an `Outcome` of the product, as far as the model goes.

    A count below zero leaves what is there.
    """

    status: str = ""
    retries: int = -1
    resends: int = -1
    sid: bool = False
    reconciled: bool = False
    answer: str = ""


NOTHING = Written()
"""Nothing to write: not known yet, or a clean read that is to be counted."""


class Job(NamedTuple):
    """The row, with its queue entry. `age` is in ticks since the last claim."""

    status: str = PENDING
    recall: bool = False
    sid: bool = False
    retries: int = 0
    resends: int = 0
    reads: int = 0
    age: int = 0
    entry: str = VISIBLE


class Worker(NamedTuple):
    """A worker. `last` says that its claim is the job's last attempt.

    `age` is in ticks: since the claim while it has only that, since the check or the write later.
    """

    at: str = IDLE
    last: bool = False
    age: int = 0
    retries: int = 0
    resends: int = 0
    fresh: bool = False
    written: Written = NOTHING


class Look(NamedTuple):
    """A reconciler. While it is `open`, it has read the list and is about to write its verdict."""

    open: bool = False
    last: bool = False
    verdict: Written = NOTHING


class Text(NamedTuple):
    """What Twilio took of this job: how many texts, and the age of the first one in ticks.

    `altered` says that its list shows another body, `called` that it has called back.
    """

    taken: int = 0
    age: int = 0
    altered: bool = False
    called: bool = False


class State(NamedTuple):
    """One moment. `flights` are requests that nobody waits for any more, by their age in ticks."""

    job: Job
    workers: tuple[Worker, ...]
    looks: tuple[Look, ...]
    flights: tuple[int, ...] = ()
    text: Text = Text()
    hint: str = NONE


def key(state: State) -> State:
    """The same moment, whichever of two workers or reconcilers, all alike, is which."""
    workers, looks = state.workers, state.looks
    if workers[-1] < workers[0] or looks[-1] < looks[0]:
        return state._replace(workers=tuple(sorted(workers)), looks=tuple(sorted(looks)))
    return state


def start(workers: int, reconcilers: int) -> State:
    """A job that has just been enqueued, and nobody at work."""
    return State(job=Job(), workers=(Worker(),) * workers, looks=(Look(),) * reconcilers)


class Move(NamedTuple):
    """A step that may come next: what it is called, and the moment after it.

    `helps` says that it happens by itself if nothing goes wrong any more. `stale` marks writes of
    somebody whose attempt is not the job's last, `refused` those that the database refuses, and
    `answer` is the reason of a settle.
    """

    label: str
    after: State
    helps: bool = False
    stale: bool = False
    refused: bool = False
    answer: str = ""
