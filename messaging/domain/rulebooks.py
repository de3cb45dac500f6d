"""Rulebooks in writing: which rules in which versions an installation asks, under a short key."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from messaging.domain import holidays, zones
from messaging.domain.hour_rules import RULES as HOUR_RULES
from messaging.domain.hour_rules import WRITTEN
from messaging.domain.quiet_hours import VERSION, QuietHours
from messaging.domain.review import RULES, Rulebook

ASKED_IN_SQL = ("stop", "cap")
"""Rules that are asked before the claim, in its transaction (`messaging.admit`)."""
VERSION_IN_SQL = 1
"""Of each of those; `messaging.rule_versions` has it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A rulebook in writing. Two that say the same have the same key."""

    key: str
    rules: str
    """JSON: an object for each rule, in the order in which they are asked."""


def write(rulebook: Rulebook) -> Written:
    """The rulebook in writing: each rule with its version, and what it is told to look at."""
    caps = rulebook.caps.row() if rulebook.caps else {}
    looks_at: Mapping[str, Mapping[str, object]] = {
        "cap": {name: cap for name, cap in caps.items() if cap is not None},
        "consent": {"needed_for": sorted(rulebook.with_consent)},
        "destination": {
            "countries": sorted(rulebook.destinations.countries or ()) or "all",
            "blocked": _digest(rulebook.destinations.blocked),
        },
        "quiet_hours": _hours(rulebook.quiet_hours),
    }
    versions = [*((name, VERSION_IN_SQL) for name in ASKED_IN_SQL)]
    versions += [(rule.name, rule.version) for rule in RULES]
    rules = [{"rule": name, "version": n, **looks_at.get(name, {})} for name, n in versions]
    said = json.dumps(rules, sort_keys=True)
    return Written(key=_digest(said), rules=said)


def in_words(rules: Sequence[Mapping[str, object]]) -> str:
    """The rules of a rulebook, each with its version, in a line."""
    return ", ".join(named(rule) for rule in rules)


def named(rule: Mapping[str, object]) -> str:
    """A rule and its version, in words."""
    name = str(rule.get("rule")).replace("_", " ")
    table, release = rule.get("table_of"), rule.get("zones")
    data = f" (laws as of {table}, time zones {release})" if table and rule.get("by_law") else ""
    return f"{name} {rule.get('version')}{data}"


def version_of_hours() -> str:
    """The version of quiet hours and of what they look at, in words."""
    return f"{VERSION}, laws as of {WRITTEN:%Y-%m-%d}, time zones {zones.version()}"


def _hours(quiet: QuietHours) -> Mapping[str, object]:
    """The table of laws stands here by its date and a digest of all that it says."""
    return {
        "own": {category: list(hours.days) for category, hours in quiet.own.items()},
        "by_law": quiet.by_law,
        "table_of": f"{WRITTEN:%Y-%m-%d}",
        "table": _digest(sorted(HOUR_RULES.items())),
        "holidays_by_law": quiet.holidays_by_law,
        "resting": sorted(quiet.resting),
        "holidays": holidays.version(),
        "zones": zones.version(),
        "default_zone": quiet.default_zone,
    }


def _digest(said: object) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]
