"""Tells the breakers what Twilio's answers say, and people what the breakers do."""

from collections.abc import Sequence
from datetime import timedelta

from messaging import events
from messaging.domain.answers import Accepted
from messaging.domain.breaker import Passage, State
from messaging.domain.verdict import judge
from messaging.redis.breaker import Change
from messaging.redis.throttle import AWAY
from messaging.runtime import Runtime
from messaging.steps.sending import Attempt


def probe(passage: Passage) -> None:
    """Says which breakers this text is the probe of."""
    for scope in passage.probed:
        events.breaker_probed(scope=scope)


def note(rt: Runtime, passage: Passage, attempts: Sequence[Attempt]) -> bool:
    """Notes what these answers say, once they are settled; a probe without any is free again.

    Redis is told at once where one failed or was the probe, else with the next call of this
    process. False where Redis is away: what it is not told now, the next failure tells.
    """
    answers = [attempt.answer for attempt in attempts]
    if not passage.probe and all(isinstance(answer, Accepted) for answer in answers):
        rt.throttle.breakers.saw(len(answers))
        return True
    try:
        changes = rt.throttle.breakers.note(passage, [judge(answer) for answer in answers])
    except AWAY as error:
        # It must not cost an answer, and those that are still to come must not wait for it.
        rt.outages.note("redis", error)
        return False
    for change in changes:
        _say(change)
    return True


def _say(change: Change) -> None:
    before, after = change.before, change.after
    if after.state is State.OPEN:
        _say_open(change)
    elif before.state is State.OPEN and after.state is State.CLOSED:
        seconds = (change.now - before.since) / 1e6
        events.breaker_closed(scope=change.scope, seconds=round(seconds, 1))


def _say_open(change: Change) -> None:
    after = change.after
    if after.times == change.before.times and change.before.state is State.OPEN:
        return  # its probe came to nothing, and the next text is one
    wait = timedelta(microseconds=after.probe_at - change.now)
    events.breaker_opened(
        scope=change.scope, reason=after.reason, seconds=wait.total_seconds(), times=after.times
    )
