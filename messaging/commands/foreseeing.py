"""What `messaging erase --dry-run` prints: what would go from where, and what stands against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from rich.table import Table
from rich.text import Text

from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.erasure import Key, against
from messaging.domain.job import Phone
from messaging.domain.phone import mask
from messaging.domain.wording import count
from messaging.extent import Extent
from messaging.postgres.erasure import Share

_FATES = {
    "withdrawn": "waits: is withdrawn, and then emptied",
    "emptied": "number and words go, the row stays",
    "deleted": "the row goes",
    "stopped": "is stopped, whom and what go",
    "added": "its opt-out is kept as a keyed hash",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What `--json` prints; `key` is the one that an opt-out is kept with."""

    tables: Sequence[Share]
    at_twilio: int
    key: str | None
    hindrances: Mapping[str, int]
    unfinished: int | None
    mentions: Sequence[UUID]


def tell(
    screen: Screen, phone: Phone, extent: Extent, key: Key | None, *, at_twilio: bool
) -> ExitCode:
    """Tells it; UNSUCCESSFUL where the erasure would be refused now."""
    value = Foreseen(
        tables=extent.shares,
        at_twilio=extent.at_twilio if at_twilio else 0,
        key=key.id if key else None,
        hindrances=extent.hindrances,
        unfinished=extent.unfinished,
        mentions=extent.mentions,
    )
    screen.show(value, _table(extent.shares))
    if at_twilio:
        screen.note(f"At Twilio: {count(extent.at_twilio, 'record')} would be deleted.")
    if extent.mentions:
        told = count(len(extent.mentions), "message")
        screen.note(f"{told} to others tell the number, and would be left alone.")
    if extent.unfinished is not None:
        screen.note(f"Erasure {extent.unfinished} of it was left unfinished, and would go on.")
    if key is None:
        screen.doubtful("MESSAGING_ERASURE_KEY is not set: without it, nothing is erased.")
    if extent.hindrances:
        screen.doubtful(f"It would be refused now: {against(extent.hindrances)}.")
    screen.good(f"Nothing of {mask(phone)} was changed: this was a trial.")
    return ExitCode.UNSUCCESSFUL if extent.hindrances or key is None else ExitCode.OK


def _table(shares: Sequence[Share]) -> Table | Text:
    if not shares:
        return Text("Nothing is kept of it.", "dim")
    table = columns(">rows", "table", "what becomes of them")
    for share in shares:
        table.add_row(Text(f"{share.amount:,}"), Text(share.place), Text(_FATES[share.fate]))
    return table
