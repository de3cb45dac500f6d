"""The model bites: without any one of its safeguards the protocol breaks a promise."""

import pytest

from tests.model.explore import explore
from tests.model.properties import AT_EVERY_STEP, STUCK
from tests.model.rules import Rules
from tests.model.variants import VARIANTS, Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: str(variant.name))
def test_a_variant_is_caught_with_the_steps_that_break_it(variant: Variant) -> None:
    verdict = variant.explored()
    print(verdict)
    assert variant.breaks == verdict.broken
    assert verdict.trace


def test_every_promise_is_broken_by_some_variant() -> None:
    promises = {promise.__name__ for promise in AT_EVERY_STEP} | {STUCK}
    guarded = {
        "nothing_is_refused": "the database, whatever the protocol does",
        "not_held_for_nothing": "a person, who looks at what is held",
        "canceled_stays": "the table of changes, which lets only proof of a text end it",
    }
    assert promises == {variant.breaks for variant in VARIANTS} | guarded.keys()


def test_the_sweep_makes_good_what_a_skewed_snapshot_deletes() -> None:
    verdict = explore(Rules(queue=True, workers=1, cancels=False, deletes_by_entry=False))
    assert verdict.broken is None, f"\n{verdict}"


def test_without_somebody_who_deletes_entries_nothing_has_to_be_restored() -> None:
    verdict = explore(Rules(queue=True, workers=1, restores=False))
    assert verdict.broken is None, f"\n{verdict}"
