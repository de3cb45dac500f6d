"""Quiet hours: whether a text may go out now, and when else it may. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import and_

from messaging.domain.category import Category
from messaging.domain.hour_rules import RULES, HourRule
from messaging.domain.hours import Hours, allowed_at
from messaging.domain.job import Phone
from messaging.domain.places import places_of, zones_of
from messaging.domain.zones import is_known, zone

VERSION = 1
"""Of the rule: it changes where the same hours would let another text out, or another time come."""
Rule = tuple[str, Hours]
"""What a rule is called in sentences, and what it allows."""
_Asked = tuple[datetime, tuple[str, ...], tuple[str, ...], Category, bool]
_REMEMBERED = 4096
"""Answers that are kept: thousands for the same night are asked for in the same minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom a text goes to, as far as the hour matters; `time_zone` is their own, if known."""

    phone: Phone
    category: Category = Category.TRANSACTIONAL
    time_zone: str | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """A text that must wait: until when, the zone that it is told in, and why."""

    until: datetime
    time_zone: str
    reason: str

    @property
    def sentence(self) -> str:
        """Until when, on the recipient's clock, and why."""
        local = self.until.astimezone(zone(self.time_zone))
        return f"It waits until {local:%H:%M on %d %b %Y} in {self.time_zone}: {self.reason}."


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The quiet hours of an installation.

    `own` are the hours at which texts of a category may go out, and `resting` the categories that
    rest on public holidays of the recipient's place; urgent texts are exempt from both. `by_law`
    says whether marketing also keeps the rules of that place, which know no urgency, and
    `holidays_by_law` whether also on the holidays that those name. The zone is the recipient's,
    else all of the number's, else `default_zone`.
    """

    own: Mapping[Category, Hours]
    by_law: bool
    holidays_by_law: bool = True
    resting: frozenset[Category] = frozenset()
    default_zone: str = "UTC"
    _answers: dict[_Asked, "Quiet | None"] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def concern(self, category: Category, *, urgent: bool) -> bool:
        """Whether texts of a category ever wait: of most there is nothing to ask."""
        has_own = category in self.own or category in self.resting
        return (has_own and not urgent) or self._keeps_law(category)

    def wait(self, recipient: Recipient, at: datetime) -> Quiet | None:
        """Until when a text that would go out at `at` must wait, and why; None where it may go."""
        if not self.concern(recipient.category, urgent=recipient.urgent):
            return None  # and the number need not be looked at
        # Windows begin and end with a minute, so all of one are alike.
        minute = at.replace(second=0, microsecond=0)
        places = self._places(recipient)
        zones = self._zones(recipient)
        asked = (minute, zones, places, recipient.category, recipient.urgent)
        try:
            return self._answers[asked]
        except KeyError:
            answer = _wait(minute, zones, tuple(self._rules(recipient, places)))
        if len(self._answers) >= _REMEMBERED:
            self._answers.clear()
        self._answers[asked] = answer
        return answer

    def _places(self, recipient: Recipient) -> tuple[str, ...]:
        """Whose rules and holidays count, where any do."""
        if self._keeps_law(recipient.category) or recipient.category in self.resting:
            return places_of(recipient.phone)
        return ()

    def _zones(self, recipient: Recipient) -> tuple[str, ...]:
        if recipient.time_zone and is_known(recipient.time_zone):
            return (recipient.time_zone,)
        return zones_of(recipient.phone) or (self.default_zone,)

    def _keeps_law(self, category: Category) -> bool:
        return self.by_law and category is Category.MARKETING

    def _rules(self, recipient: Recipient, places: tuple[str, ...]) -> Iterator[Rule]:
        if recipient.category in self.own and not recipient.urgent:
            yield "quiet hours", self.own[recipient.category]
        if recipient.category in self.resting and not recipient.urgent:
            yield "public holidays", Hours.without_holidays(*places[-1:])
        if self._keeps_law(recipient.category):
            for place in places:
                if rule := RULES.get(place):
                    yield f"the hours of {rule.name}", self._hours_of(rule)

    def _hours_of(self, rule: HourRule) -> Hours:
        if not (rule.holidays and self.holidays_by_law):
            return rule.hours
        return rule.hours & Hours.without_holidays(rule.place)


def _wait(at: datetime, names: tuple[str, ...], rules: tuple[Rule, ...]) -> Quiet | None:
    if not rules:
        return None
    hours = reduce(and_, (hours for _, hours in rules))
    until = None if hours.is_empty else allowed_at(at, map(zone, names), hours)
    if until is None:
        # Hours that exclude each other, or that no instant fulfils in all zones of a number, must
        # not keep a text for ever: the last rule holds alone, in one zone.
        until = rules[-1][1].next(at, zone(names[0]))
    if until == at:
        return None
    return Quiet(until=until, time_zone=names[0], reason=_because(at, names[0], rules))


def _because(at: datetime, name: str, rules: tuple[Rule, ...]) -> str:
    """Which rules forbid it, in words, or that it is night elsewhere where the number may be."""
    broken = [
        f"{rule} ({holiday})" if (holiday := hours.holiday(at, zone(name))) else rule
        for rule, hours in rules
        if not hours.allow(at, zone(name))
    ]
    if not broken:
        every = " and ".join(rule for rule, _ in rules)
        return f"{every}, elsewhere where the number may be"
    return " and ".join(broken)
