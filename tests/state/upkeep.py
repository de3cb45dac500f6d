"""Rules: time passes, whoever looks after jobs does so, and Twilio reports."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import rule

from messaging import handover, promotion, reconciliation, upkeep
from messaging.domain.receipt import RANK
from messaging.runtime import Runtime
from tests.state.run import MEANWHILE, MOODS, REACTIONS, TROUBLE, WHICH, Run, receipt
from tests.state.troubled import Break
from tests.state.twilio import Mood, Reaction

_PASSES = st.sampled_from([2, 10, 31, 46, 65, 65, 65, 65, 130, 1300, 7300])
"""Seconds. What matters: 5 to write, 8 of a look, 45 and 50 of the leases, 60 of quiescence,
120 without an entry, 120 and more of a retry."""
_VERBS = {
    "nothing": (),
    "sweep": (upkeep.sweep,),
    "promote": (promotion.promote,),
    "reconcile": (reconciliation.reconcile,),
    "everything": (upkeep.sweep, reconciliation.reconcile, promotion.promote),
}
_LOOKS = st.sampled_from([*_VERBS] + ["everything"] * 4)
_WORDS = st.sampled_from(list(RANK))
_CALLS = st.lists(st.tuples(WHICH, _WORDS, st.booleans()), min_size=1, max_size=4)


class Upkeep(Run):
    """What happens by itself."""

    @rule(seconds=_PASSES, looks=_LOOKS, mood=MOODS, meanwhile=MEANWHILE, trouble=TROUBLE)
    def time_passes(
        self, seconds: int, looks: str, mood: Mood, meanwhile: str, trouble: Break | None
    ) -> None:
        """For everybody; then some of those look that beat wakes up."""
        self.world.advance(seconds)
        if seconds >= 10:
            self.world.forget_breakers()
        self.world.ledger.behave(mood=mood, meanwhile=self.meanwhile(meanwhile))
        for verb in _VERBS[looks]:
            self._look(verb, trouble)

    @rule(calls=_CALLS, trouble=TROUBLE)
    def receipts_come(self, calls: list[tuple[int, str, bool]], trouble: Break | None) -> None:
        """Callbacks in any order, one of them twice; all that are true of their texts.

        All of ours name their job; that those of texts whose SID is known need not, is luck.
        """
        known = {job.twilio_sid for job in self.jobs}
        receipts = [
            receipt(text, word, names_its_job=names_its_job or text.sid not in known)
            for which, word, names_its_job in calls
            if (text := self.text(which)) and self.world.ledger.says(text, word)
        ]
        self.world.attempt(lambda: self.receive(*receipts, *receipts[:1]), trouble)

    def _look(self, verb: Callable[[Runtime], object], trouble: Break | None) -> None:
        swept = self.world.attempt(lambda: verb(self.rt), trouble)
        if verb is upkeep.sweep and swept:
            self._expect_entries()

    def _expect_entries(self) -> None:
        """After a sweep nobody who has waited for more than two minutes is without an entry."""
        overdue = self.world.db.execute(
            "select id from message_jobs "
            "where status = 'pending' and due_at < now() - interval '2 minutes'"
        )
        self.book.robbed -= {id for (id,) in overdue}


class Keeping(Run):
    """Texts for later that Twilio keeps."""

    @rule(
        verb=st.sampled_from([handover.hand_over, handover.take_back, handover.follow]),
        reactions=REACTIONS, mood=MOODS, meanwhile=MEANWHILE, trouble=TROUBLE,
    )  # fmt: skip
    def let_twilio_keep(
        self,
        verb: Callable[[Runtime], int],
        reactions: list[Reaction],
        mood: Mood,
        meanwhile: str,
        trouble: Break | None,
    ) -> None:
        """They are handed over, taken back, or asked after when they are overdue."""
        self.world.ledger.behave(reactions, mood, self.meanwhile(meanwhile))
        self.world.attempt(lambda: verb(self.rt), trouble)
