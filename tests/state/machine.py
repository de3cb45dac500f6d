"""The machine: all rules, what must be true after each step, and the end of every run."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from messaging import bridge, delivery, handover, promotion, reconciliation, upkeep
from messaging.domain.job import Lane
from tests.state import invariants
from tests.state.accidents import Accidents
from tests.state.people import WANTED, Callers, People, Wanted
from tests.state.run import is_open, receipt
from tests.state.twilio import Reaction
from tests.state.upkeep import Keeping, Upkeep
from tests.state.workers import SlowWorkers, Workers

_ROUNDS = [65.0] * 5 + [1900.0] * 15
"""Seconds that pass in each round of the end: leases and doubts first, then retries and times."""


class Ends(Callers):
    """How every run begins, what is true after each of its steps, and how it ends."""

    has_begun = False
    is_broken = False
    with_receipts = True

    @initialize(
        first=st.lists(WANTED, min_size=1, max_size=3),
        skew=st.sampled_from([0, 100, -100]),
        with_receipts=st.booleans(),
    )
    def begin(self, first: list[Wanted], skew: int, with_receipts: bool) -> None:
        """Twilio's clock may be wrong, and it may not reach us with its receipts at the end."""
        self.world.reset(skew=timedelta(seconds=skew))
        self.with_receipts = with_receipts
        self.has_begun = True
        for wanted in first:
            self.hand_over(wanted, None)

    @invariant()
    def everything_holds(self) -> None:
        """What must be true after each step is."""
        if not self.has_begun:
            return
        try:
            self.check()
        except BaseException:
            self.is_broken = True
            raise

    def teardown(self) -> None:
        """Everything runs to its end, unless the run has failed."""
        if self.is_broken or not self.has_begun:
            return
        for seconds in _ROUNDS:
            self._pass(seconds)
            self.check()
            if not self._is_anything_left():
                break
        invariants.at_the_end(
            self.world.look(), self.world.ledger, self.book, with_receipts=self.with_receipts
        )

    def check(self) -> None:
        """Raises AssertionError where something is wrong now."""
        sight = self.world.look()
        self.jobs = sight.jobs
        invariants.after_a_step(sight, self.world.ledger, self.book)

    def _is_anything_left(self) -> bool:
        kept = any(text.status == "scheduled" for text in self.world.ledger.texts.values())
        return kept or any(map(is_open, self.jobs)) or bool(self._entries())

    def _entries(self) -> int:
        row = self.world.db.execute(
            "select (select count(*) from pgmq.q_sms_queue) "
            "+ (select count(*) from pgmq.q_sms_priority_queue)"
        ).fetchone()
        return int(row[0]) if row else 0

    def _pass(self, seconds: float) -> None:
        """Time passes, workers come back, Twilio says the truth, and everybody looks."""
        ledger = self.world.ledger
        while ledger.on_the_way:
            ledger.arrive(0)
        ledger.behave([Reaction.ACCEPTED])
        self.world.advance(seconds)
        self.world.forget_breakers()
        for flight in self.flights:
            if flight.answer:
                self.settle(flight, flight.answer)
        self.flights.clear()
        for look in (upkeep.sweep, reconciliation.reconcile, handover.take_back, handover.follow):
            look(self.rt)
        promotion.promote(self.rt)
        for lane in Lane:
            entries = bridge.lease(self.rt, lane, 100)
            delivery.deliver(self.rt, lane, bridge.sort_out(self.rt, lane, entries))
        if self.with_receipts:
            self._all_receipts_come()

    def _all_receipts_come(self) -> None:
        texts = list(self.world.ledger.texts.values())
        for word in ("delivered", "canceled"):
            self.receive(*[receipt(t, word) for t in texts if self.world.ledger.says(t, word)])


class Machine(Accidents, Keeping, People, Workers, SlowWorkers, Upkeep, Ends):
    """Everything that may happen, in any order."""


class Few(Keeping, People, Workers, Upkeep, Ends):
    """The more frequent half of it, in which less is needed to meet what is looked for."""
