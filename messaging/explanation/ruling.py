"""Which rules were asked about a text, in which versions, and what they said, in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from messaging.domain.rulebooks import in_words, named
from messaging.postgres.messages import Event
from messaging.postgres.rulebooks import RuleVersion

_UNSAID = {"expired": "deadline"}
"""The rule that speaks in events of such a kind, where they do not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The rulebooks that a journal names, by their keys, and the versions of the rules in SQL."""

    books: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    versions: Sequence[RuleVersion] = ()


def ruling(event: Event, record: Record) -> str:
    """What rules had to do with an event, as a sentence; empty where they had nothing."""
    asked, key = event.details.get("asked"), event.details.get("rules")
    if isinstance(asked, list) and asked:
        return f"Rules asked: {'; '.join(_said(one) for one in asked)}."
    if isinstance(key, str):
        return _by_book(key, record)
    if version := event.details.get("version"):
        return f"The rule was quiet hours {version}."
    return _by_sql(event, record)


def _said(one: Mapping[str, object]) -> str:
    return f"{named(one)}: {str(one.get('said')).rstrip('.')}"


def _by_book(key: str, record: Record) -> str:
    book = record.books.get(key)
    if book is None:
        return f"The rules that were asked are not on record any more ({key})."
    return f"Rules asked, with nothing against it: {in_words(book)}."


def _by_sql(event: Event, record: Record) -> str:
    rule = event.details.get("rule") or _UNSAID.get(event.kind)
    rule = "stop" if event.kind == "stopped" else rule
    then = [one for one in record.versions if one.rule == rule and one.since <= event.at]
    return f"The rule was {str(rule).replace('_', ' ')} {then[-1].version}." if then else ""
