"""Tells the breakers what Twilio's answers say."""

from collections.abc import Sequence

from messaging import events
from messaging.domain.answers import Accepted
from messaging.domain.breaker import Passage
from messaging.domain.verdict import judge
from messaging.hearing import say
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
    process. Where Twilio takes no more at once, that may be long, and whoever is refused must see
    that these are taken: then it is told within a moment. False where Redis is away: what it is
    not told now, the next failure tells.
    """
    answers = [attempt.answer for attempt in attempts]
    is_fine = not passage.probe and all(isinstance(answer, Accepted) for answer in answers)
    if is_fine and not (rt.twilio.is_crowded and rt.throttle.breakers.is_quiet):
        rt.throttle.breakers.saw(len(answers))
        return True
    try:
        changes = rt.throttle.breakers.note(passage, [judge(answer) for answer in answers])
    except AWAY as error:
        # It must not cost an answer, and those that are still to come must not wait for it.
        rt.outages.note("redis", error)
        return False
    for change in changes:
        say(change)
    return True
