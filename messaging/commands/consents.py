"""`messaging consent import`: a list of opt-outs or opt-ins that somebody has kept elsewhere."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from messaging.commands.consent import known, proof
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.domain.consent import Consent
from messaging.domain.job import Phone
from messaging.domain.phone import normalise
from messaging.domain.wording import count, plain
from messaging.errors import Refused
from messaging.postgres import consent
from messaging.settings import load

_NEEDED = ("phone", "state", "evidence")
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What `--json` prints."""

    recorded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    phone: Phone
    state: Consent
    evidence: dict[str, str]
    category: str


def import_file(screen: Screen, path: Path, by: str | None) -> ExitCode:
    """Records every row, or none where one cannot be read. Raises Refused, with the lines."""
    settings = load()
    rows = _rows(path, settings.default_region)
    with database(settings) as conn, conn.transaction():
        for row in rows:
            consent.record(
                conn,
                row.phone,
                row.state,
                source="import",
                evidence={**row.evidence, "file": path.name},
                category=row.category,
                by=name_of(by),
            )
    screen.show(Imported(recorded=len(rows)))
    screen.good(f"{count(len(rows), 'row')} recorded.")
    return ExitCode.OK


def _rows(path: Path, region: str | None) -> list[_Row]:
    rows: list[_Row] = []
    wrong: list[str] = []
    for line, cells in _cells(path):
        try:
            rows.append(_row(cells, region))
        except Refused as refusal:
            wrong.append(f"Line {line}: {refusal}")
    if wrong:
        told = wrong[:_MOST_TOLD]
        more = [f"And {count(len(wrong) - len(told), 'line')} more."] if wrong[_MOST_TOLD:] else []
        raise Refused("\n".join(["Nothing was recorded.", *told, *more]))
    return rows


def _cells(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            if missing := [name for name in _NEEDED if name not in names]:
                raise Refused(
                    f"{path.name} lacks the columns {', '.join(missing)}: its first line has to "
                    "name phone, state, evidence and, if you like, category."
                )
            reader.fieldnames = names
            for row in reader:
                yield reader.line_num, {name: (row[name] or "").strip() for name in names}
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error):
        raise Refused(f"{path.name} is no CSV file in UTF-8.") from None


def _row(cells: dict[str, str], region: str | None) -> _Row:
    try:
        state = Consent(cells["state"].lower().replace("-", "_"))
    except ValueError:
        said = plain(cells["state"])[:40]
        raise Refused(f"The state is opted_in or opted_out, and not {said!r}.") from None
    return _Row(
        phone=normalise(cells["phone"], region),
        state=state,
        evidence=proof(cells["evidence"]),
        category=known(cells.get("category") or "all"),
    )
