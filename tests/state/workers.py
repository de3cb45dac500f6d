"""Rules: what the bridge and the workers do, at once or step by step."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import rule

from messaging import bridge, delivery
from messaging.domain.answers import NotSent, Outgoing
from messaging.domain.entries import Hint
from messaging.domain.job import Claim, Lane
from messaging.postgres import jobs
from tests.state.run import LANES, MEANWHILE, REACTION, REACTIONS, TROUBLE, WHICH, Flight, Run
from tests.state.troubled import Break
from tests.state.twilio import Reaction

_TASKS = st.sampled_from(["new", "new", "new", "again", "lost"])
_STEPS = st.sampled_from(
    ["claim"] * 3
    + ["claim while others work", "claim and die"]
    + ["write"] * 4
    + ["settle"] * 3
    + ["settle again"]
    + ["arrive"] * 2
)


class Bridge(Run):
    """The queue's side of it."""

    def take(self, lane: Lane) -> list[Hint]:
        """What the bridge finds ready in a lane."""
        return bridge.sort_out(self.rt, lane, bridge.lease(self.rt, lane, 100))


class Workers(Bridge):
    """What the bridge and the workers do at once."""

    @rule(
        task=_TASKS, lane=LANES, which=WHICH, reactions=REACTIONS, meanwhile=MEANWHILE,
        trouble=TROUBLE,
    )  # fmt: skip
    def send(
        self,
        task: str,
        lane: Lane,
        which: int,
        reactions: list[Reaction],
        meanwhile: str,
        trouble: Break | None,
    ) -> None:
        """The bridge hands jobs to Celery, and a worker sends all that Celery has for it.

        Celery may hand a task out again, long after, when its jobs may be anything. Or the task
        waits, or the bridge dies before it has published it.
        """
        if task == "lost":
            self.hints[lane] += self.world.attempt(lambda: self.take(lane), trouble) or []
            return
        hints, self.hints[lane] = self.hints[lane] + self.take(lane), []
        self.spent[lane] += hints
        if task == "again" and self.spent[lane]:
            hints = [self.spent[lane][which % len(self.spent[lane])]] * 2
        self.world.ledger.behave(reactions, meanwhile=self.meanwhile(meanwhile))
        self.world.attempt(lambda: delivery.deliver(self.rt, lane, hints), trouble)


class SlowWorkers(Bridge):
    """What workers do step by step, with anything between a step and the next."""

    @rule(step=_STEPS, lane=LANES, which=WHICH, reaction=REACTION, trouble=TROUBLE)
    def work_slowly(
        self, step: str, lane: Lane, which: int, reaction: Reaction, trouble: Break | None
    ) -> None:
        """One step of one of them."""
        steps: dict[str, Callable[[], None]] = {
            "claim": lambda: self._claim(lane, which, trouble),
            "claim while others work": lambda: self._claim_while_others_work(lane, dies=False),
            "claim and die": lambda: self._claim_while_others_work(lane, dies=True),
            "write": lambda: self._write(which, reaction),
            "settle": lambda: self._settle(which, trouble, again=False),
            "settle again": lambda: self._settle(which, trouble, again=True),
            "arrive": lambda: self._arrive(which),
        }
        steps[step]()

    def _claim(self, lane: Lane, which: int, trouble: Break | None) -> None:
        """Some of the jobs there are; then this worker takes its time."""
        hints = self._any_hints(lane)
        picked = hints[which % len(hints) :] if hints else []
        write_before = self._write_before()
        claims = self.world.attempt(lambda: self._claims(picked), trouble) or []
        self._fly(lane, picked, claims, write_before)

    def _claim_while_others_work(self, lane: Lane, *, dies: bool) -> None:
        """Two workers want the same jobs, and the first has not committed, or never does."""
        hints = self._any_hints(lane)
        write_before = self._write_before()
        with self.rt.db.connection() as conn:
            first = jobs.claim(conn, [hint.job_id for hint in hints], self.rt.settings.lease)
            second = self._claims(hints)
            with self.rt.db.connection() as other:
                jobs.promote(other, 100)
                jobs.sweep_processing(other)
            if dies:
                conn.rollback()
        assert not {claim.id for claim in first} & {claim.id for claim in second}
        self._fly(lane, hints, second if dies else [*first, *second], write_before)

    def _write(self, which: int, reaction: Reaction) -> None:
        """A request, if it is not too late for that."""
        waiting = [flight for flight in self.flights if flight.answer is None]
        if not waiting:
            return
        flight = waiting[which % len(waiting)]
        if self.rt.monotonic() > flight.write_before:
            flight.answer = NotSent(reason="too late", costs_retry=False)
            return
        self.world.ledger.behave([reaction])
        flight.answer = self.world.ledger.write(_outgoing(flight))

    def _settle(self, which: int, trouble: Break | None, *, again: bool) -> None:
        """What an answer comes to, however late; and perhaps not for the last time."""
        answered = [(flight, flight.answer) for flight in self.flights if flight.answer]
        if not answered:
            return
        flight, answer = answered[which % len(answered)]
        self.world.attempt(lambda: self.settle(flight, answer), trouble)
        if not again:
            self.flights.remove(flight)

    def _arrive(self, which: int) -> None:
        """A request that its worker has given up reaches Twilio after all."""
        if on_the_way := self.world.ledger.on_the_way:
            self.world.ledger.arrive(which % len(on_the_way))

    def _any_hints(self, lane: Lane) -> list[Hint]:
        """Those that Celery has, else what the queue has, else what was worked on before."""
        return self.hints[lane] or self.take(lane) or self.spent[lane]

    def _write_before(self) -> float:
        return self.rt.monotonic() + self.rt.settings.send_deadline

    def _claims(self, hints: list[Hint]) -> list[Claim]:
        with self.rt.db.connection() as conn:
            return jobs.claim(conn, [hint.job_id for hint in hints], self.rt.settings.lease)

    def _fly(self, lane: Lane, hints: list[Hint], claims: list[Claim], write_before: float) -> None:
        by_job = {hint.job_id: hint for hint in hints}
        self.spent[lane] += hints
        self.flights += [
            Flight(claim=claim, lane=lane, hint=by_job[claim.id], write_before=write_before)
            for claim in claims
        ]


def _outgoing(flight: Flight) -> Outgoing:
    claim = flight.claim
    return Outgoing(
        job_id=claim.id,
        attempt=claim.attempt,
        to=claim.recipient_phone,
        body=claim.message_content,
        send_at=claim.send_at,
        write_before=flight.write_before,
    )
