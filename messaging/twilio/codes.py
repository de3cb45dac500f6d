"""Twilio's error codes as data: what each one means, and what follows from it.

Twilio may refuse a text at once with a code (`fault` says whose fault that is), or report the
code later, in a callback about a text that it had accepted (`retry_allowed`, `dead_number`).
Source: https://www.twilio.com/docs/api/errors, a page for each code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from messaging.domain.answers import Fault
from messaging.twilio import code_table

CONFIGURATION_WAIT: Final = timedelta(minutes=5)
"""How long a text waits before it is tried again that our sender cannot send to this recipient."""
REFUSED_WAIT: Final = timedelta(seconds=10)
"""Where every text would be refused: the breaker keeps it for as long as that is so, and it must
not wait long once that is over."""
PRESSURE_WAIT: Final = timedelta(minutes=1)
"""How long a text waits while one of Twilio's queues is full."""
DAILY_WAIT: Final = timedelta(hours=1)
"""Between tries while a daily limit is used up: Twilio does not say when that day ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One error code of Twilio's.

    `fault`, `wait`, `opt_out` and `alert` apply when a create request is refused with it. When a
    callback brings it, the text did not arrive: `retry_allowed` says whether a new attempt may
    be made by itself, `permanent` that none can ever succeed, `dead_number` that the number
    takes no texts at all.
    """

    number: int
    meaning: str
    fault: Fault
    wait: timedelta | None = None
    opt_out: bool = False
    alert: bool = False
    retry_allowed: bool = False
    permanent: bool = False
    dead_number: bool = False


def explain(code: int) -> str:
    """What an error code of Twilio's means, in a sentence for a person."""
    known = CODES.get(code)
    return known.meaning if known else f"Twilio's error {code}, which is not known here."


def takes_no_texts(code: int | None) -> bool:
    """Whether a callback with this code says that the number takes no texts at all."""
    known = CODES.get(code) if code is not None else None
    return known is not None and known.dead_number


def carrier_wait(code: int | None) -> timedelta | None:
    """After how long, at the soonest, a text may be sent again of which a callback brought this
    code; None where it may not."""
    known = CODES.get(code) if code is not None else None
    if known is None or not known.retry_allowed:
        return None
    return known.wait or timedelta(0)


def page(code: int) -> str:
    """The address of Twilio's own page about a code."""
    return f"https://www.twilio.com/docs/api/errors/{code}"


def _message(number: int, meaning: str) -> Code:
    return Code(
        number=number,
        meaning=meaning,
        fault=Fault.MESSAGE,
        opt_out=number in code_table.OPTED_OUT,
        permanent=True,
    )


def _configuration(number: int, meaning: str) -> Code:
    return Code(
        number=number,
        meaning=meaning,
        fault=Fault.CONFIGURATION,
        wait=CONFIGURATION_WAIT if number in code_table.OF_THE_RECIPIENT else REFUSED_WAIT,
        alert=True,
    )


def _pressure(number: int, meaning: str) -> Code:
    daily = number in code_table.DAILY
    return Code(
        number=number,
        meaning=meaning,
        fault=Fault.BACK_PRESSURE,
        wait=DAILY_WAIT if daily else PRESSURE_WAIT,
        alert=daily,
        retry_allowed=True,
    )


def _passing(number: int, meaning: str) -> Code:
    return Code(number=number, meaning=meaning, fault=Fault.MESSAGE, retry_allowed=True)


def _final(number: int, meaning: str) -> Code:
    return Code(
        number=number,
        meaning=meaning,
        fault=Fault.MESSAGE,
        permanent=True,
        dead_number=number in code_table.DEAD,
    )


def _codes() -> Mapping[int, Code]:
    groups = (
        (code_table.MESSAGE, _message),
        (code_table.CONFIGURATION, _configuration),
        (code_table.BACK_PRESSURE, _pressure),
        (code_table.PASSING, _passing),
        (code_table.FINAL, _final),
    )
    return {
        number: code(number, meaning)
        for meanings, code in groups
        for number, meaning in meanings.items()
    }


CODES: Final[Mapping[int, Code]] = MappingProxyType(_codes())
"""Every known code. A refusal with an unknown one fails the text, with an alert."""
