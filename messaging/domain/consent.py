"""Consent: what a number said last about being texted. Pure; the ledger is in Postgres."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from messaging.domain.category import Category


class Consent(StrEnum):
    """What was said."""

    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"


ALL = "all"
"""The category of a word that is about every text."""
CATEGORIES = (ALL, *Category)
"""What a word may be about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The last word on one category. `event_id` is its place in the ledger; a STOP that is being
    carried out has none yet."""

    category: str
    state: Consent
    event_id: int | None


def last_word(said: Iterable[Said], category: str) -> Consent | None:
    """What counts for texts of this category: the later of what was said about them and about all.

    None where nothing was said.
    """
    last = None
    for one in said:
        if one.category in (ALL, category) and (last is None or _order(last) < _order(one)):
            last = one
    return last.state if last else None


def _order(said: Said) -> tuple[bool, int]:
    return said.event_id is None, said.event_id or 0
