"""Slots of the throttle: they are waited for before the claim, and each text begins in its own."""

from collections.abc import Iterable
from datetime import timedelta

from messaging.domain.job import JobId
from messaging.redis.throttle import Grant
from messaging.runtime import Runtime
from messaging.steps.sending import Slot

_TO_CLAIM = timedelta(milliseconds=50)
"""How long before its slot a text is claimed: a claim takes some milliseconds, or tens of them."""


def get_ready(rt: Runtime, texts: int) -> None:
    """Returns when so many texts could begin in slots: a connection takes longer than those wait.

    To be called before slots are asked for, at once where there is no limit. What is stopped is
    looked up now, where nobody has for long. Raises what the database raises where it is away.
    """
    rt.brake.get_ready()
    if rt.settings.pace:
        rt.twilio.ready(texts)


def wait_for(rt: Runtime, grant: Grant) -> None:
    """Returns when it is time to claim what the slots of a grant are for."""
    if grant.starts:
        rt.wait(timedelta(seconds=grant.starts[0] - rt.monotonic()) - _TO_CLAIM)


def slots_of(rt: Runtime, grant: Grant, units: Iterable[tuple[JobId, int]]) -> dict[JobId, Slot]:
    """From when to when each of these texts may begin, by what it counts; none without a limit.

    The later a request may begin, the fewer are refused; beyond that, a window would hold too many.
    """
    pace = rt.settings.pace
    if pace is None:
        return {}
    return {
        id: (start, start + pace.tolerance_of(count).total_seconds())
        for (id, count), start in zip(units, grant.starts, strict=False)
    }
