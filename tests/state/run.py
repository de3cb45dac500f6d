"""A run: what every group of rules shares, and what may happen while somebody waits for Twilio."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from messaging import reconciliation, resolution, upkeep
from messaging.domain.answers import Answer
from messaging.domain.decision import Decision, Wish
from messaging.domain.entries import Hint
from messaging.domain.job import Claim, JobId, Lane, Sid, Status
from messaging.domain.outcome import outcome
from messaging.domain.receipt import Receipt
from messaging.postgres import messages
from messaging.steps.settling import settle
from tests.state.book import Book
from tests.state.troubled import Break, Moment
from tests.state.twilio import Mood, Reaction, Text
from tests.state.world import Job, World

WHICH = st.integers(0, 11)
LANES = st.sampled_from(Lane)
TROUBLE = st.sampled_from(
    [None] * 9 + [Break(nth=nth, moment=moment) for nth in (1, 2, 3) for moment in Moment]
)
"""How the connection breaks; mostly it does not."""
REACTION = st.sampled_from(
    [Reaction.ACCEPTED] * 3 + [Reaction.UNSEEN, Reaction.LATE, Reaction.LOST] * 2 + list(Reaction)
)
"""To one request. Doubt is what this is about, and so frequent."""
REACTIONS = st.lists(REACTION, min_size=1, max_size=3)
MOODS = st.sampled_from([Mood.FINE, *Mood])
MEANWHILE = st.sampled_from(
    ["nothing"] * 4
    + ["sweep", "receipt", "look", "answer", "time"] * 2
    + ["cancel", "reschedule", "resend"]
)
"""What happens between a request to Twilio and its answer: see `Run.meanwhile`."""


@dataclass(slots=True, kw_only=True)
class Flight:
    """A claim in the hands of a worker, and the answer once there is one."""

    claim: Claim
    lane: Lane
    hint: Hint
    write_before: float
    answer: Answer | None = None


class Run(RuleBasedStateMachine):
    """One run in a world, from an empty database to the end of every job."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.rt = world.rt
        self.book = Book()
        self.hints: dict[Lane, list[Hint]] = defaultdict(list)
        self.spent: dict[Lane, list[Hint]] = defaultdict(list)
        self.flights: list[Flight] = []
        self.jobs: tuple[Job, ...] = ()

    def job(self, which: int) -> Job:
        """One of the jobs, the newest first."""
        return self.jobs[-1 - which % len(self.jobs)]

    def text(self, which: int) -> Text | None:
        """One of the texts that Twilio took, the newest first; None where it took none."""
        texts = list(self.world.ledger.texts.values())
        return texts[-1 - which % len(texts)] if texts else None

    def meanwhile(self, what: str) -> Callable[[], None]:
        """What happens while somebody waits for Twilio."""
        return {
            "nothing": lambda: None,
            "sweep": self._lease_runs_out,
            "receipt": self._receipt_comes,
            "look": self._another_looks,
            "answer": self._answers_come,
            "time": lambda: self.world.advance(10),
            "cancel": self._all_are_canceled,
            "reschedule": self._all_are_rescheduled,
            "resend": self._all_are_sent_again,
        }[what]

    def settle(self, flight: Flight, answer: Answer) -> None:
        """A worker writes what an answer comes to."""
        result = outcome(flight.claim, answer, self.rt.rules, self.rt.dice)
        settle(self.rt, [result], flight.lane.queue, {flight.hint.job_id: flight.hint.msg_id})

    def receive(self, *receipts: Receipt) -> None:
        """Receipts that came together are recorded."""
        with self.rt.db.connection() as conn:
            messages.record_receipts(conn, receipts)

    def cancel(self, id: JobId) -> None:
        """A caller cancels."""
        self.book.to_cancel.add(id)
        with self.rt.db.connection() as conn:
            messages.cancel(conn, id)

    def resolve(self, id: JobId, decision: Decision, sid: Sid | None = None) -> None:
        """A person decides. What they are told of a resend may get lost; it may be done then."""
        if decision is Decision.CANCEL:
            self.book.to_cancel.add(id)
        if decision is Decision.RESEND:
            self.book.resends[id] += 1
        resolved = resolution.resolve(self.rt, Wish(id=id, decision=decision, sid=sid))
        if decision is Decision.RESEND and not resolved.answer.is_done:
            self.book.resends[id] -= 1

    def _lease_runs_out(self) -> None:
        self.world.advance(46)
        upkeep.sweep(self.rt)

    def _receipt_comes(self) -> None:
        text = self.text(0)
        if text and self.world.ledger.says(text, "sent"):
            self.receive(receipt(text, "sent"))

    def _another_looks(self) -> None:
        self.world.advance(31)
        reconciliation.reconcile(self.rt)

    def _answers_come(self) -> None:
        for flight in self.flights:
            if flight.answer:
                self.settle(flight, flight.answer)

    def _all_are_canceled(self) -> None:
        for job in self.jobs:
            self.cancel(job.id)

    def _all_are_rescheduled(self) -> None:
        statement = "select messaging.reschedule(id, now() + interval '1 hour') from message_jobs"
        self.world.db.execute(statement)

    def _all_are_sent_again(self) -> None:
        for job in self.jobs:
            self.resolve(job.id, Decision.RESEND)


def receipt(text: Text, status: str, *, names_its_job: bool = True) -> Receipt:
    """A status callback about a text, with the job and the attempt in its URL or without."""
    return Receipt(
        sid=text.sid,
        status=status,
        job_id=text.of.job_id if names_its_job else None,
        attempt=text.of.attempt if names_its_job else None,
    )


def is_open(job: Job) -> bool:
    """Whether somebody still has to do something about it, who is not a person."""
    return job.status in {
        Status.SCHEDULED, Status.PENDING, Status.PROCESSING, Status.RETRYING, Status.IN_DOUBT,
    }  # fmt: skip
