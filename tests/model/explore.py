"""Goes through every state that can be reached, shortest ways first, and judges each step."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from tests.model import entries, people, twilio, upkeep, workers
from tests.model.properties import AT_EVERY_STEP, ENDS, STUCK, Property
from tests.model.rules import Rules
from tests.model.state import Move, State, key, start


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out: the property that broke, if one did, and the steps that lead there.

    `seen` are the labels of all steps that were met, `ends` the statuses in which a job ended.
    """

    states: int
    steps: int
    seen: frozenset[str]
    ends: frozenset[str]
    broken: str | None = None
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        seen = f"{self.states:,} states, {self.steps:,} steps"
        if self.broken is None:
            return f"holds in {seen}"
        lines = [f"{number:3}. {line}" for number, line in enumerate(self.trace, start=1)]
        return "\n".join([f"{self.broken} is broken ({seen}):", *lines])


@dataclass(slots=True, kw_only=True)
class _Map:
    """The states met so far, by number, each with the step by which it was first reached."""

    numbers: dict[State, int] = field(default_factory=dict)
    reached: list[tuple[int, str, State]] = field(default_factory=list)
    helping: list[tuple[int, int]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    steps: int = 0


def explore(rules: Rules, judged: Sequence[Property] = AT_EVERY_STEP) -> Verdict:
    """Whether the properties hold in every state and that there is always a way to an end.

    The first step that breaks one ends it, with one of the shortest traces to it.
    """
    found = _Map()
    ahead = deque(
        [_note(found, -1, "the job is enqueued", start(rules.workers, rules.reconcilers))]
    )
    while ahead:
        number = ahead.popleft()
        before = found.reached[number][2]
        for move in moves(rules, before):
            if _matters(before, move):
                for promise in judged:
                    if not promise(rules, before, move):
                        return _broken(found, promise.__name__, number, move)
            known = found.numbers.get(key(move.after))
            if known is None:
                known = _note(found, number, move.label, move.after)
                ahead.append(known)
            if move.helps:
                found.helping.append((known, number))
            found.seen.add(move.label)
            found.steps += 1
    return _stuck(found) or _verdict(found)


def moves(rules: Rules, state: State) -> Iterator[Move]:
    """Every step that may come next."""
    return chain(
        workers.moves(rules, state),
        twilio.moves(rules, state),
        upkeep.moves(rules, state),
        people.moves(rules, state),
        entries.moves(rules, state) if rules.queue else (),
    )


def _matters(before: State, move: Move) -> bool:
    """Whether a promise could break now: they are about the job, the texts and what is refused."""
    after = move.after
    return after.job is not before.job or after.text is not before.text or move.refused


def _note(found: _Map, parent: int, label: str, state: State) -> int:
    number = len(found.reached)
    found.numbers[key(state)] = number
    found.reached.append((parent, label, state))
    return number


def _stuck(found: _Map) -> Verdict | None:
    """A state from which what happens by itself leads to no end."""
    back: dict[int, list[int]] = {}
    for after, before in found.helping:
        back.setdefault(after, []).append(before)
    ahead = [n for n, (_, _, state) in enumerate(found.reached) if state.job.status in ENDS]
    safe = set(ahead)
    while ahead:
        for before in back.get(ahead.pop(), ()):
            if before not in safe:
                safe.add(before)
                ahead.append(before)
    stuck = next((n for n in range(len(found.reached)) if n not in safe), None)
    if stuck is None:
        return None
    lines = (*_trace(found, stuck), f"here it stays: {_shown(found.reached[stuck][2])}")
    return _verdict(found, STUCK, lines)


def _broken(found: _Map, name: str, number: int, move: Move) -> Verdict:
    return _verdict(found, name, (*_trace(found, number), _line(move.label, move.after)))


def _verdict(found: _Map, broken: str | None = None, trace: tuple[str, ...] = ()) -> Verdict:
    return Verdict(
        states=len(found.reached),
        steps=found.steps,
        seen=frozenset(found.seen),
        ends=frozenset(state.job.status for _, _, state in found.reached) & ENDS,
        broken=broken,
        trace=trace,
    )


def _trace(found: _Map, number: int) -> tuple[str, ...]:
    lines = []
    while number >= 0:
        number, label, state = found.reached[number]
        lines.append(_line(label, state))
    return tuple(reversed(lines))


def _line(label: str, state: State) -> str:
    return f"{label:<66} {_shown(state)}"


def _shown(state: State) -> str:
    job = state.job
    wanted = ", to be canceled" if job.recall else ""
    return f"[{job.status}{wanted}, texts: {state.text.taken}]"
