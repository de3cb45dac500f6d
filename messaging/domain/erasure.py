"""Erased numbers: the keyed hashes of their opt-outs, and what stands against an erasure. Pure."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from messaging.domain.job import Phone
from messaging.errors import Misconfigured

ERASED = "erased"
"""What stands where a number or a text was."""
SHORTEST_KEY = 32
"""Characters: whoever has the hashes must not find the key, and then the numbers, by trying."""
_CHANNEL = "sms"
_ID = b"messaging erasure key"


@dataclass(frozen=True, slots=True)
class Key:
    """One secret. `id` is what it is known by in the database."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that do not tell the key."""
        return hmac.digest(self.secret, _ID, hashlib.sha256).hex()[:8]

    def whom(self, phone: Phone) -> str:
        """The keyed hash of a number."""
        return hmac.digest(self.secret, f"{_CHANNEL}:{phone}".encode(), hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of an installation; with the first one new opt-outs are kept, all are asked."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def of(cls, written: str) -> "Keyring":
        """The keys in a setting, with commas or spaces between. Raises ValueError."""
        secrets = [word for word in re.split(r"[\s,]+", written) if word]
        if any(len(secret) < SHORTEST_KEY for secret in secrets):
            raise ValueError(
                f"takes keys of at least {SHORTEST_KEY} characters, such as `openssl rand -hex 32` "
                "makes"
            )
        return cls(tuple(Key(secret.encode()) for secret in secrets))

    @property
    def first(self) -> Key | None:
        """The key for what is erased from now on; None where there is none."""
        return self.keys[0] if self.keys else None

    def whoms(self, phone: Phone) -> list[str]:
        """The hashes that a number may be known by, the one of the first key first."""
        return [key.whom(phone) for key in self.keys]

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of these keys that are not there."""
        return sorted(set(ids) - {key.id for key in self.keys})

    def require(self, ids: Iterable[str]) -> None:
        """Raises Misconfigured unless all keys are there that opt-outs are kept with."""
        if missing := self.missing(ids):
            raise Misconfigured(why_missing(missing))


def why_missing(ids: Sequence[str]) -> str:
    """What to do about keys that are wanted and not set."""
    return (
        f"Numbers that had opted out were erased with the key {', '.join(ids)}, which is not in "
        "MESSAGING_ERASURE_KEY here: without it nobody knows whom not to text, so nothing is sent. "
        f"Set it, beside others. If it is lost: `messaging erasures give-up {ids[0]}`."
    )


_STANDING_AGAINST: Mapping[str, str] = {
    "scheduled": "scheduled at Twilio, which is asked to drop it",
    "pending": "new, handed over meanwhile",
    "retrying": "about to be tried again",
    "processing": "being sent",
    "in_doubt": "in doubt: Twilio is asked whether it has it",
    "held": "held for a person: `messaging held` shows it, `messaging resolve` decides",
    "unread": "sent to us, sounds like a refusal, and nobody has read it: `messaging inbound list`",
    "stopping": "a STOP that is being carried out",
    "stop": "what a person stopped, this very number: `messaging resume --country` ends that",
}
PASSING = frozenset({"scheduled", "processing", "stopping"})
"""What stands against an erasure and ends by itself within seconds, as a rule."""


def why_not(hindrances: Mapping[str, int]) -> str:
    """Why a number is not erased now: a proof, or a word of its owner, would be lost."""
    return (
        "It is not erased yet, because something of this number is not over: "
        f"{against(hindrances)}. What waited is ended. See to it, and run the command again."
    )


def against(hindrances: Mapping[str, int]) -> str:
    """What stands against an erasure, and what to do about each."""
    return "; ".join(f"{amount} {_STANDING_AGAINST[what]}" for what, amount in hindrances.items())
