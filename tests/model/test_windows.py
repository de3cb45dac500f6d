"""The windows that remain are as wide as docs/guarantees.md says, and no wider."""

from collections.abc import Sequence

from messaging.settings import Settings
from tests.model.explore import Verdict, explore
from tests.model.properties import Property, not_doubled
from tests.model.rules import TICK, Rules

DOUBLED: Sequence[Property] = (not_doubled,)


def ticks(setting: str) -> int:
    """A setting's default in ticks, begun ones counted."""
    return -int(-Settings.model_fields[setting].default // TICK.total_seconds())


def judged(rules: Rules) -> Verdict:
    verdict = explore(rules, DOUBLED)
    print(verdict)
    return verdict
