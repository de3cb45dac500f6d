"""What Twilio does wrong in a run: a rule of the simulator's for each kind of fault."""

from collections.abc import Callable
from random import Random
from typing import Final

from messaging.local.simulator.rules import Call, Kind, Rule

Make = Callable[[Random], Rule]

_ERRORS = (500, 502, 503, 504)


def _some(kind: Kind, *, most: float = 0.3) -> Make:
    return lambda dice: Rule(kind=kind, share=dice.uniform(0.05, most))


def _error(kind: Kind, call: Call = Call.CREATE) -> Make:
    return lambda dice: Rule(
        kind=kind, call=call, share=dice.uniform(0.05, 0.3), http_status=dice.choice(_ERRORS)
    )


def _few(kind: Kind, call: Call = Call.CREATE) -> Make:
    """Requests that hang: each takes one of the places in flight until its read timeout."""
    return lambda dice: Rule(kind=kind, call=call, share=0.1, count=dice.randint(5, 20))


def _slow(kind: Kind, longest_ms: int) -> Make:
    return lambda dice: Rule(
        kind=kind, share=dice.uniform(0.1, 0.5), delay_ms=dice.randint(100, longest_ms)
    )


FAULTS: Final[tuple[Make, ...]] = (
    _error(Kind.ERROR_BEFORE),
    _error(Kind.ERROR_AFTER),
    _some(Kind.RESET_BEFORE),
    _some(Kind.RESET_AFTER),
    _few(Kind.HANG_BEFORE),
    _few(Kind.HANG_AFTER),
    _few(Kind.HANG_MIDWAY),
    _some(Kind.TRUNCATE),
    _some(Kind.NO_SID),
    _some(Kind.TOO_MANY_REQUESTS),
    _slow(Kind.SLOW, 2000),
    _slow(Kind.LIST_LAG, 3000),
    _error(Kind.ERROR_BEFORE, Call.LIST),
    _few(Kind.HANG_BEFORE, Call.LIST),
    _some(Kind.UNDELIVERED),
    _some(Kind.FAILED),
    _some(Kind.NEVER_DELIVERED),
    _some(Kind.CALLBACK_LOST, most=1.0),
    _some(Kind.CALLBACK_DOUBLED, most=1.0),
    _some(Kind.CALLBACK_REORDERED, most=1.0),
    _slow(Kind.CALLBACK_DELAYED, 5000),
)
"""None keeps a text back for long, or forces a wait upon it after the trouble."""

EARLY: Final[tuple[Make, ...]] = (
    lambda dice: Rule(kind=Kind.REJECT, code=30022, share=dice.uniform(0.05, 0.2)),
    lambda dice: Rule(kind=Kind.REJECT, code=21611, share=dice.uniform(0.05, 0.2)),
)
"""Back-pressure: such a text is kept and waits for a minute, so these come early."""
