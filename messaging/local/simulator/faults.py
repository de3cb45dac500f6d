"""The armed fault rules, and the decision whether one of them hits."""

from dataclasses import dataclass, field
from hashlib import blake2b

from messaging.local.simulator.rules import Moment, Rule, Subject, matches, moment_of


@dataclass(slots=True, kw_only=True)
class Armed:
    """A rule in force, and what it has met so far."""

    id: int
    rule: Rule
    met: int = 0
    hits: int = 0
    _times: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def hits_now(self, subject: Subject, seed: int) -> bool:
        """Whether the rule hits this subject; remembers that it was asked."""
        if not matches(self.rule, subject) or self.hits == self.rule.count:
            return False
        self.met += 1
        if self.met <= self.rule.after or not self._chosen(subject, seed):
            return False
        self.hits += 1
        return True

    def _chosen(self, subject: Subject, seed: int) -> bool:
        """By seed, rule and message, not by order: concurrent clients see the same faults."""
        if self.rule.share >= 1:
            return True
        text = (subject.to, subject.body, subject.status)
        self._times[text] = nth = self._times.get(text, 0) + 1
        return lot(seed, self.id, *text, nth) < self.rule.share


class Faults:
    """The rules in force. The first one that hits decides; the rest are not asked."""

    def __init__(self, rules: tuple[Rule, ...], *, seed: int) -> None:
        self._seed = seed
        self._last_id = 0
        self._armed: dict[Moment, tuple[Armed, ...]] = dict.fromkeys(Moment, ())
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> int:
        """Put a rule in force, after those that already are; returns its id."""
        self._last_id += 1
        moment = moment_of(rule.kind)
        self._armed[moment] = (*self._armed[moment], Armed(id=self._last_id, rule=rule))
        return self._last_id

    def remove(self, id: int) -> bool:
        """Take a rule out of force; False if there is none with this id."""
        before = self.armed
        for moment, armed in self._armed.items():
            self._armed[moment] = tuple(one for one in armed if one.id != id)
        return len(before) != len(self.armed)

    def clear(self) -> None:
        """Take all rules out of force; ids begin at 1 again, so the seed repeats itself."""
        self._armed = dict.fromkeys(Moment, ())
        self._last_id = 0

    @property
    def armed(self) -> tuple[Armed, ...]:
        """The rules in force in the order of their ids, with their hits."""
        all_of_them = (one for armed in self._armed.values() for one in armed)
        return tuple(sorted(all_of_them, key=lambda one: one.id))

    def any_for(self, moment: Moment) -> bool:
        """Whether any rule is in force for this moment."""
        return bool(self._armed[moment])

    def draw(self, moment: Moment, subject: Subject) -> Rule | None:
        """The rule that hits this subject, or None."""
        for one in self._armed[moment]:
            if one.hits_now(subject, self._seed):
                return one.rule
        return None


def lot(seed: int, *parts: object) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = blake2b(repr((seed, *parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
