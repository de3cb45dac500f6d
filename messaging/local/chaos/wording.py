"""A run's outcome in plain words: sections of lines, for the terminal and for the page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from messaging.domain.wording import count, span
from messaging.local.chaos.outcome import Outcome
from messaging.local.chaos.recovery import Recovery


class Tone(Enum):
    """How a line is meant."""

    PLAIN = ""
    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A name, what there is to say, and a remark."""

    name: str
    value: str
    remark: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines below a heading."""

    title: str
    lines: Sequence[Line]


_FINDINGS = {
    "lost": "committed, and never accepted by Twilio",
    "doubled": "accepted by Twilio more than once",
    "falsely_sent": "marked as sent, and not Twilio's",
    "denied": "accepted by Twilio, and marked as not sent",
    "stuck": "in a state that is not final",
    "held": "waiting for a person",
    "journal": "with an attempt that has not exactly one end in the journal",
}
_OURS = ("held", "journal")
"""What plain Celery does not have."""
_TIMES = {
    "connect_timeout": "to connect to Twilio",
    "read_timeout": "to wait for its answer",
    "send_deadline": "from the claim to the first byte",
    "send_lease": "a claim, before it is in doubt",
    "entry_lease": "a queue entry, before it is handed out again",
    "quiescence": "until Twilio's list proves that nothing was sent",
}


def headline(outcome: Outcome) -> Line:
    """Whether it passed, in one line."""
    texts = count(outcome.committed, "text")
    kills = count(sum(outcome.done.kills.values()), "kill")
    if outcome.is_passed:
        said = f"{texts} through {kills}: none lost, none doubled."
        return Line(name="passed", value=said, tone=Tone.GOOD)
    wrong = [
        f"{len(ids):,} {kind.replace('_', ' ')}"
        for kind, ids in outcome.findings.by_kind.items()
        if ids
    ]
    wrong += [f"{count(len(outcome.left), 'process', 'processes')} left"] if outcome.left else []
    return Line(name="failed", value=f"{texts} through {kills}: {', '.join(wrong)}.", tone=Tone.BAD)


def sections(outcome: Outcome) -> list[Section]:
    """Everything, the most important first."""
    return [
        Section(title="What was found", lines=list(_found(outcome))),
        Section(title="Recovery", lines=list(_recovery(outcome))),
        Section(title="What was done", lines=list(_done(outcome))),
        Section(title="With what", lines=list(_place(outcome))),
    ]


def _found(outcome: Outcome) -> Iterator[Line]:
    yield Line(name="handed over", value=f"{outcome.committed:,}", remark="committed in Postgres")
    yield Line(name="accepted", value=f"{outcome.accepted:,}", remark="in Twilio's ledger")
    refused = outcome.statuses.get("failed", 0)
    yield Line(name="refused", value=f"{refused:,}", remark="by Twilio, for their number")
    for kind, ids in outcome.findings.by_kind.items():
        if outcome.is_baseline and kind in _OURS:
            continue
        yield Line(
            name=kind.replace("_", " "),
            value=f"{len(ids):,}",
            remark=_FINDINGS[kind],
            tone=Tone.BAD if ids else Tone.GOOD,
        )
    yield Line(
        name="processes left",
        value=f"{len(outcome.left):,}",
        remark=", ".join(outcome.left) or f"of {outcome.processes:,} that there were",
        tone=Tone.BAD if outcome.left else Tone.GOOD,
    )


def _recovery(outcome: Outcome) -> Iterator[Line]:
    if outcome.is_baseline:
        return
    yield _recovered("not yet sent", outcome.unsent)
    yield _recovered("in doubt", outcome.in_doubt)
    yield Line(
        name="ever in doubt",
        value=f"{outcome.doubts.total:,}",
        remark=_listed(outcome.doubts.causes),
    )
    if outcome.decided:
        yield Line(
            name="decided",
            value=f"{outcome.decided:,}",
            remark="held, looked up at Twilio and resolved, as by a person",
            tone=Tone.DOUBT,
        )
    if outcome.doubts.total:
        yield Line(name="how it ended", value="", remark=_listed(outcome.doubts.ends))


def _recovered(name: str, recovery: Recovery) -> Line:
    if recovery.p99 is None:
        return Line(name=name, value="0", remark="no text was interrupted like this")
    return Line(
        name=name,
        value=f"{recovery.texts:,}",
        remark=f"from the kill: p50 {recovery.p50:g} s, p99 {recovery.p99:g} s, "
        f"longest {recovery.longest:g} s; p99 may be {recovery.limit:g} s",
        tone=Tone.GOOD if recovery.is_within else Tone.DOUBT,
    )


def _done(outcome: Outcome) -> Iterator[Line]:
    done = outcome.done
    yield _counted("killed with -9", done.kills)
    yield _counted("other trouble", done.others)
    yield _counted("Twilio's faults", {kind: hits for kind, hits in done.faults.items() if hits})
    yield Line(
        name="commits again",
        value=f"{done.commits_again:,}",
        remark="tried once more by the producer, whose outcome was bad or unknown",
    )


def _place(outcome: Outcome) -> Iterator[Line]:
    place = outcome.place
    versions = [f"{name} {version}" for name, version in place.versions.items()]
    took = span(timedelta(seconds=outcome.total_seconds))
    trouble = span(timedelta(seconds=outcome.trouble_seconds))
    yield Line(name="seed", value=str(outcome.seed), remark="makes the same plan again")
    yield Line(
        name="when",
        value="",
        remark=f"{outcome.began}, took {took}, with trouble for {trouble}",
    )
    cores = count(place.cores, "core")
    yield Line(name="machine", value=cores, remark=f"{place.system}, load {place.load:g} before")
    yield Line(name="versions", value="", remark=", ".join(versions))
    for name, seconds in outcome.times.items():
        yield Line(name=name.replace("_", " "), value=f"{seconds:g} s", remark=_TIMES[name])


def _counted(name: str, counts: Mapping[str, int]) -> Line:
    return Line(name=name, value=f"{sum(counts.values()):,}", remark=_listed(counts))


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{number:,} × {name.replace('_', ' ')}" for name, number in ordered)
