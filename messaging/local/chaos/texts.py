"""The texts of a run: who gets what, when and by which way. Pure; no two bodies are alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from messaging.local.bench.texts import recipient

NOBODY = "+15005550001"
"""The number that Twilio itself refuses (error 21211), from its test credentials."""
_URGENT = 10
_SHARE_URGENT, _SHARE_LATER, _SHARE_BARE, _SHARE_REFUSED = 0.2, 0.15, 0.3, 0.005
_SOONEST, _LATEST = 2.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One message to hand over. `later` is for how many seconds it waits, None for not at all."""

    number: int
    key: str
    to: str
    body: str
    priority: int
    later: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handful:
    """Texts that are committed together, `is_bare` by a plain INSERT into the table."""

    texts: Sequence[Text]
    is_bare: bool


def handfuls(*, seed: int, messages: int, size: int) -> Iterator[Handful]:
    """All texts of a run, in the order in which they are handed over."""
    dice = Random(f"texts {seed}")  # noqa: S311 - no secret
    for start in range(0, messages, size):
        numbers = range(start, min(start + size, messages))
        yield Handful(
            texts=[_text(seed, number, dice) for number in numbers],
            is_bare=dice.random() < _SHARE_BARE,
        )


def key(seed: int, number: int) -> str:
    """The idempotency key of a text."""
    return f"chaos-{seed}-{number}"


def _text(seed: int, number: int, dice: Random) -> Text:
    return Text(
        number=number,
        key=key(seed, number),
        to=NOBODY if dice.random() < _SHARE_REFUSED else recipient(number),
        body=f"Appointment {number} of run {seed} is tomorrow at 10:30. Reply C to confirm.",
        priority=_URGENT if dice.random() < _SHARE_URGENT else 0,
        later=dice.uniform(_SOONEST, _LATEST) if dice.random() < _SHARE_LATER else None,
    )
