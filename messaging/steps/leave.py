"""Before leave is asked for: what a text counts, and what must be ready for it."""

from collections.abc import Mapping, Sequence

from messaging.domain.entries import Hint
from messaging.domain.job import JobId
from messaging.runtime import Runtime


def get_ready(rt: Runtime, texts: int) -> None:
    """Returns when so many texts could begin in slots: a connection takes longer than those wait.

    To be called before leave is asked for; it returns at once where there is no limit. What is
    stopped is looked up now, where nobody has for long. Raises what the database raises where it
    is away.
    """
    rt.brake.get_ready()
    if rt.settings.pace:
        rt.twilio.ready(texts)


def units_of(rt: Runtime, hints: Sequence[Hint]) -> list[int]:
    """What each text counts against the limits, in the order of the hints."""
    if not rt.settings.counts_segments:
        return [1] * len(hints)
    return [hint.segments for hint in hints]


def segments_of(rt: Runtime, hints: Sequence[Hint]) -> Mapping[JobId, int]:
    """What each text counts, where the limits count segments; else none, and each counts one."""
    if not rt.settings.counts_segments:
        return {}
    return {hint.job_id: hint.segments for hint in hints}
