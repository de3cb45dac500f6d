"""The breaker: when it opens, when it closes, and what it lets through. Pure.

It is closed while texts go out, open while none may, and forgotten where Redis knows nothing of it.
Open, it lets a single text through from time to time, the probe: the answer to that decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from messaging.domain.verdict import Scope, Verdict
from messaging.domain.wording import hide_numbers

_SECOND = 1_000_000
_LATELY = 1
"""Results of this second and the one before always count; older ones only where those are few."""


class State(StrEnum):
    """How a breaker stands."""

    FORGOTTEN = ""
    """Redis is new, or was emptied: texts go out one by one until Twilio answers one."""
    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A breaker as Redis keeps it. Times are microseconds on Redis's clock.

    `probe` names who has the probe, until `probe_until`; no other begins before `probe_at`.
    `generation` counts how often it opened, `times` how often in a row without a rest. `silent` is
    1 where it opened because no answer came: one that comes after all closes it.
    """

    state: State = State.FORGOTTEN
    generation: int = 0
    times: int = 0
    since: int = 0
    closed_at: int = 0
    reason: str = ""
    probe: str = ""
    probe_at: int = 0
    probe_until: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When it opens, and for how long.

    It opens where `share` of the results of the `window` are failures, of `volume` at least. It
    waits `first` before the probe, twice as long after each that fails, and never over `longest`.
    """

    volume: int
    share: float
    window: timedelta
    first: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What the breakers were like when texts were let through: the generation of each.

    `probe` names the probe where this is one, and `probed` those that were open.
    """

    probe: str = ""
    generations: tuple[int, int] = (0, 0)
    probed: tuple[Scope, ...] = ()

    def generation(self, scope: Scope) -> int:
        """The generation of one of them."""
        return self.generations[0 if scope is Scope.ACCOUNT else 1]


ANYWHERE = Passage()
"""That of breakers which have never been open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The results of one second, `age` seconds ago; `failed` are those of one breaker."""

    age: int
    passed: int
    failed: int


def follows(
    rules: Rules,
    scope: Scope,
    record: Record,
    now: int,
    passage: Passage,
    verdicts: Sequence[Verdict],
    tallies: Iterable[Tally],
) -> Record | None:
    """What a breaker becomes after the answers to texts of this passage; None where it stays.

    A text that was let through before the breaker last opened has no say any more, unless it shows
    that there was no silence. `tallies` are the results lately, with these.
    """
    is_probe = bool(passage.probe) and passage.probe == record.probe
    if record.state is State.OPEN:
        if is_probe:
            return _probed(rules, scope, record, now, verdicts)
        return closed(record, now) if _was_slow(scope, record, passage, verdicts) else None
    if record.state is State.FORGOTTEN:
        if any(verdict.of(scope) for verdict in verdicts):
            return closed(record, now)
        return _failed(rules, scope, record, now, verdicts, tallies) or (
            replace(record, probe="", probe_until=0) if is_probe else None
        )
    if passage.generation(scope) != record.generation:
        return None
    return _failed(rules, scope, record, now, verdicts, tallies)


def _was_slow(scope: Scope, record: Record, passage: Passage, verdicts: Sequence[Verdict]) -> bool:
    """Whether what was taken for silence was not: a text from right before it has been taken."""
    is_from_before = passage.generation(scope) == record.generation - 1
    return bool(record.silent) and is_from_before and any(one.of(scope) for one in verdicts)


def _failed(
    rules: Rules,
    scope: Scope,
    record: Record,
    now: int,
    verdicts: Sequence[Verdict],
    tallies: Iterable[Tally],
) -> Record | None:
    """It, open, where one failure is enough or there are too many."""
    bad, lately = [one for one in verdicts if one.of(scope) is False], list(tallies)
    # Where another process has its texts taken, that one is the crowd.
    is_taken = any(tally.passed for tally in lately if tally.age <= _LATELY)
    worst = next((one for one in bad if one.at_once and not (one.crowded and is_taken)), None)
    if worst:
        return opened(rules, record, now, worst)
    return opened(rules, record, now, bad[-1]) if bad and fails_often(rules, lately) else None


def _probed(
    rules: Rules, scope: Scope, record: Record, now: int, verdicts: Sequence[Verdict]
) -> Record:
    verdict = verdicts[0] if verdicts else Verdict()
    works = verdict.of(scope)
    if works:
        return closed(record, now)
    if works is False:
        return opened(rules, record, now, verdict)
    return replace(record, probe="", probe_until=0, probe_at=now + _microseconds(verdict.wait))


def opened(rules: Rules, record: Record, now: int, verdict: Verdict) -> Record:
    """It, open: for longer each time, unless it was closed for as long as the last time."""
    was_open = record.state is State.OPEN
    is_again = was_open or now - record.closed_at < _microseconds(_wait(rules, record.times))
    times = record.times + 1 if is_again else 1
    wait = max(_wait(rules, times), verdict.wait)
    return Record(
        state=State.OPEN,
        generation=record.generation if was_open else record.generation + 1,
        times=times,
        since=record.since if was_open else now,
        reason=hide_numbers(verdict.reason),
        probe_at=now + _microseconds(wait),
        silent=int(verdict.silent),
    )


def _wait(rules: Rules, times: int) -> timedelta:
    return min(rules.first * (1 << min(max(0, times - 1), 20)), rules.longest)


def closed(record: Record, now: int) -> Record:
    """It, closed."""
    was_open = record.state is State.OPEN
    return Record(
        state=State.CLOSED,
        generation=record.generation,
        times=record.times if was_open else 0,
        closed_at=now if was_open else 0,
    )


def fails_often(rules: Rules, tallies: Iterable[Tally]) -> bool:
    """Whether too many fail: of the latest two seconds, and as far back as it takes for the volume.

    So an outage shows within a second where much is sent, and all the same where little is.
    """
    passed = failed = 0
    for tally in sorted(tallies, key=lambda tally: tally.age):
        is_enough = passed + failed >= rules.volume
        if tally.age >= rules.window.total_seconds() or (is_enough and tally.age > _LATELY):
            break
        passed, failed = passed + tally.passed, failed + tally.failed
    total = passed + failed
    return total >= rules.volume and failed >= rules.share * total


def _microseconds(time: timedelta) -> int:
    return round(time.total_seconds() * _SECOND)
