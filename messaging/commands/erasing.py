"""`messaging erase`: number and words go from all that is kept."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from messaging import erasing, extent, optout, runtime
from messaging.commands import foreseeing
from messaging.commands.database import answering, database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.domain.job import Phone
from messaging.domain.phone import mask, normalise
from messaging.domain.spelling import as_stored
from messaging.domain.wording import count
from messaging.erasing import Begun, Erased
from messaging.errors import Refused
from messaging.extent import Extent
from messaging.settings import Settings, load

_MOST_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed."""

    number: str | None
    by: str | None
    at_twilio: bool
    as_written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What `--json` prints: how many rows of each kind; `mentions` are texts to others."""

    erasure: int
    withdrawn: int
    messages: int
    inbound: int
    ledger: int
    others: int
    opted_out: bool
    at_twilio: bool
    mentions: Sequence[UUID]


def erase(screen: Screen, wish: Wish) -> ExitCode:
    """Erases a number, of the command line or of standard input. Raises Refused."""
    settings = load()
    phone, doubt = _meant(settings, wish)
    if doubt:
        _measured(settings, phone, doubt)
    rt = runtime.build(settings)
    try:
        with answering(settings.database_url.get_secret_value()):
            begun = erasing.begin(rt, phone, name_of(wish.by))
            # A STOP that somebody has begun must be in the ledger.
            optout.carry_out(rt, phone)
            erased = erasing.erase(rt, begun, at_twilio=wish.at_twilio)
    finally:
        rt.close()
    screen.show(_gone(begun, erased, at_twilio=wish.at_twilio))
    _say(screen, phone, begun, erased)
    return ExitCode.OK


def foresee(screen: Screen, wish: Wish) -> ExitCode:
    """Tells what an erasure would take, and takes nothing. Raises Refused.

    UNSUCCESSFUL where something stands against it.
    """
    settings = load()
    phone, doubt = _meant(settings, wish)
    found = _measured(settings, phone, doubt)
    key = settings.keyring.first
    return foreseeing.tell(screen, phone, found, key, at_twilio=wish.at_twilio)


def _meant(settings: Settings, wish: Wish) -> tuple[Phone, str | None]:
    """What is to be erased, and why it is no number of any plan. Raises Refused."""
    written = (wish.number or _from_input()).strip()
    if wish.as_written:
        return Phone(written), "It is taken as it is written, and nothing is kept of it."
    try:
        return normalise(written, settings.default_region), None
    except Refused as refusal:
        phone = as_stored(written)
        if not phone:
            raise
        return phone, f"{refusal} Nothing of it is kept as it is written, either."


def _measured(settings: Settings, phone: Phone, doubt: str | None) -> Extent:
    """What is kept of it. Raises Refused, with the doubt, where that is nothing."""
    with database(settings) as conn:
        conn.read_only = True
        with conn.transaction():
            found = extent.measure(conn, settings, phone)
    if doubt and found.is_nothing:
        raise Refused(doubt)
    return found


def _from_input() -> str:
    """So that the number need not stand in a list of processes or in a shell's history."""
    line = sys.stdin.readline().strip()
    if not line:
        raise Refused("Which number? Write it behind the command, or as a line to its input.")
    return line


def _gone(begun: Begun, erased: Erased, *, at_twilio: bool) -> Gone:
    return Gone(
        erasure=begun.id,
        withdrawn=begun.withdrawn,
        messages=erased.messages,
        inbound=erased.inbound,
        ledger=erased.ledger,
        others=erased.others,
        opted_out=erased.opted_out,
        at_twilio=at_twilio,
        mentions=erased.mentions,
    )


def _say(screen: Screen, phone: Phone, begun: Begun, erased: Erased) -> None:
    opted = "It had opted out, and is still not texted." if erased.opted_out else ""
    screen.good(
        f"{mask(phone)} is erased: {count(begun.withdrawn, 'waiting text')} withdrawn; gone from "
        f"{count(erased.messages, 'message')}, {count(erased.inbound, 'text')} to us, "
        f"{count(erased.ledger, 'row')} of the ledger, {count(erased.others, 'other row')}. {opted}"
    )
    if erased.mentions:
        told = ", ".join(str(id) for id in erased.mentions[:_MOST_TOLD])
        screen.doubtful(
            f"{count(len(erased.mentions), 'message')} to others tell the number and are left "
            f"alone: {told}{' …' if erased.mentions[_MOST_TOLD:] else ''}"
        )
