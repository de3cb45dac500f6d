"""Tells the breakers of silence, and people what the breakers do."""

from collections.abc import Callable
from datetime import timedelta

from messaging import events
from messaging.domain.breaker import State
from messaging.domain.silence import Sound
from messaging.outages import Outages
from messaging.redis.breaker import Breakers, Change
from messaging.redis.throttle import AWAY


def listener(breakers: Breakers, outages: Outages) -> Callable[[Sound], None]:
    """What the gateway tells of silence, and of its end. A Redis that is away lets nothing through
    anyway."""

    def listen(sound: Sound) -> None:
        try:
            changes = breakers.note(sound.passage, [sound.verdict])
        except AWAY as error:
            outages.note("redis", error)
            return
        for change in changes:
            say(change)

    return listen


def say(change: Change) -> None:
    """Says what a breaker has become."""
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
