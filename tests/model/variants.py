"""The protocol as it is in several worlds, and variants of it that must break.

A world names what is looked at closely in it: all of it at once is too much for a test's time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from messaging.domain.job import InDoubtPolicy
from tests.model import properties
from tests.model.explore import Verdict, explore
from tests.model.properties import AT_EVERY_STEP, STUCK
from tests.model.rules import Rules, Times

WORLDS: dict[str, Rules] = {
    "two workers, everything that can go wrong": Rules(),
    "queue entries, hints and their losses": Rules(queue=True, cancels=False),
    "queue entries and a caller who cancels": Rules(queue=True, workers=1),
    "two reconcilers at once": Rules(reconcilers=2, workers=1),
    "Twilio alters bodies": Rules(bodies_altered=True, cancels=False),
    "a person decides": Rules(person=True, cancels=False),
    "policy hold, and a person decides": Rules(policy=InDoubtPolicy.HOLD, person=True),
    "policy fail": Rules(policy=InDoubtPolicy.FAIL),
    "policy resend": Rules(policy=InDoubtPolicy.RESEND, cancels=False),
}
"""Worlds in which every property must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The protocol without one of its safeguards, and the property that this costs."""

    name: str
    breaks: str
    rules: Rules

    def explored(self) -> Verdict:
        """What comes out where that property alone is judged: one of the shortest traces."""
        return explore(self.rules, [p for p in AT_EVERY_STEP if p.__name__ == self.breaks])


def _variant(name: str, breaks: Callable[..., bool] | str, rules: Rules) -> Variant:
    broken = breaks if isinstance(breaks, str) else breaks.__name__
    return Variant(name=name, breaks=broken, rules=rules)


_DOUBLED = properties.not_doubled
_LATE_LIST = Times(list_lag=3)

VARIANTS: tuple[Variant, ...] = (
    _variant("no intention before the request", _DOUBLED, Rules(intention=False)),
    _variant(
        "no intention, and the entry's lease as the only guard",
        _DOUBLED,
        Rules(intention=False, queue=True),
    ),
    _variant("a hint is enough to claim", _DOUBLED, Rules(exclusive_claim=False)),
    _variant("no fence", properties.stale_writes_nothing, Rules(fence=False)),
    _variant("no fence, to its end", _DOUBLED, Rules(fence=False)),
    _variant("no quiescence", _DOUBLED, Rules(waits_for_quiet=False)),
    _variant("no deadline before the write", _DOUBLED, Rules(checks_deadline=False)),
    _variant("a timeout counts as not sent", _DOUBLED, Rules(doubts=False)),
    _variant(
        "a timeout counts as sent", properties.not_falsely_sent, Rules(no_answer_is_sent=True)
    ),
    _variant("a timeout counts as refused", properties.not_given_up, Rules(gives_up=True)),
    _variant("a dead worker's job is sent again", _DOUBLED, Rules(sweep_retries=True)),
    _variant("no sweep", STUCK, Rules(sweeps=False)),
    _variant("no reconciliation", STUCK, Rules(reconciles=False)),
    _variant("time alone proves that nothing was sent", _DOUBLED, Rules(reads_list=False)),
    _variant("a list that errors is a clean read", _DOUBLED, Rules(errors_prove_nothing=False)),
    _variant(
        "texts with another body are ignored",
        _DOUBLED,
        Rules(heeds_strangers=False, bodies_altered=True),
    ),
    _variant(
        "callbacks count only once the SID is known",
        _DOUBLED,
        Rules(heeds_early_callbacks=False, prompt_callbacks=True, times=_LATE_LIST),
    ),
    _variant(
        "sent again out of doubt without end",
        properties.not_resent_without_end,
        Rules(limits_resends=False, cancels=False),
    ),
    _variant(
        "a job that is being sent is canceled",
        properties.not_written_off,
        Rules(cancel_waits=False),
    ),
    _variant(
        "a person has it sent again without looking",
        _DOUBLED,
        Rules(policy=InDoubtPolicy.HOLD, person=True, person_looks=False),
    ),
    _variant(
        "snapshot skew: a deletion decided earlier takes the job's new entry",
        STUCK,
        Rules(queue=True, workers=1, person=True, deletes_by_entry=False, restores=False),
    ),
    _variant(
        "the entry is deleted when it is handed out",
        STUCK,
        Rules(queue=True, workers=1, entry_outlives_claim=False, restores=False),
    ),
)
"""Each must be caught with a trace."""
