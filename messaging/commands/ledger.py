"""A ledger: what would become of each row, kept in a file until it is known when its turn comes."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TextIO

from messaging.commands.moments import iso
from messaging.domain.phone import mask
from messaging.domain.plan import Refusal, Skip
from messaging.domain.texts import instant
from messaging.domain.zones import zone
from messaging.planning import Fate, Planner

COLUMNS = (
    *("row", "line", "number", "result", "why", "reason"),
    *("segments", "at", "local_time", "time_zone"),
)
"""Of the report of a plan."""
_REFUSALS = 100
"""Refusals that are told; the report has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that would be refused, and why."""

    row: int
    line: int
    reason: str


class Ledger:
    """Takes fates as they are judged; without a report, it keeps the first refusals only."""

    def __init__(self, file: TextIO | None, *, full: bool) -> None:
        """Without a file there is no report; `full` shows whole numbers in it."""
        self._file = file
        self._full = full
        self.refusals: list[RefusedRow] = []

    def add(self, fates: Sequence[Fate]) -> None:
        """Keeps these, after those that came before."""
        room = _REFUSALS - len(self.refusals)
        refused = (_refused(fate) for fate in fates)
        self.refusals += [one for one in refused if one][:room]
        if self._file:
            csv.writer(self._file).writerows(map(self._line, fates))

    def rows(self, planner: Planner) -> Iterator[Sequence[object]]:
        """The rows of the report, once the plan is finished."""
        if self._file is None:
            return
        self._file.seek(0)
        zones = planner.texts.zones.all()
        for *about, number, reason, text in csv.reader(self._file):
            if text:
                yield [*about, number, *_gone(planner, int(text), zones)]
            else:
                why, _, said = reason.partition(":")
                yield [*about, number, "skipped" if why else "refused", why, said, "", "", "", ""]

    def _line(self, fate: Fate) -> Iterable[object]:
        phone = fate.phone or ""
        number = phone if self._full or not phone else mask(phone)
        match fate.verdict:
            case Refusal(reason=reason):
                told, text = f":{reason}", ""
            case Skip(why=why, reason=reason):
                told, text = f"{why}:{reason}", ""
            case _:
                told, text = "", str(fate.verdict)
        return fate.row.number, fate.row.line, number, told, text


@contextmanager
def kept(*, is_wanted: bool, full: bool) -> Iterator[Ledger]:
    """A ledger for a plan; `is_wanted` says whether there is a report of every row."""
    if not is_wanted:
        yield Ledger(None, full=full)
        return
    with TemporaryFile("w+", encoding="utf-8", newline="") as file:
        yield Ledger(file, full=full)


def _refused(fate: Fate) -> RefusedRow | None:
    if not isinstance(fate.verdict, Refusal):
        return None
    return RefusedRow(row=fate.row.number, line=fate.row.line, reason=fate.verdict.reason)


def _gone(planner: Planner, text: int, zones: Sequence[str]) -> Sequence[object]:
    """What became of a text on its way: from the result on."""
    texts = planner.texts
    if skip := planner.skip_of(text):
        return ["skipped", skip.why, skip.reason, texts.segments[text], "", "", ""]
    name = zones[texts.zone[text]]
    at = instant(texts.starts[text])
    local = at.astimezone(zone(name)).replace(tzinfo=None).isoformat(timespec="seconds")
    return ["recipient", "", "", texts.segments[text], iso(at), local, name]
