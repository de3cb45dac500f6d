"""A file of messages as drafts, and what is wrong with those that are none."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from messaging.commands.files import objects, table
from messaging.commands.files.fields import Defaults, draft, field_of, refuse_unknown
from messaging.commands.files.lines import shown
from messaging.commands.files.record import Record
from messaging.domain.plan import Row
from messaging.errors import Refused

_READERS: Mapping[str, Callable[[Path], Iterator[Record]]] = {
    ".csv": table.records,
    ".tsv": table.records,
    ".txt": table.records,
    ".jsonl": objects.records,
    ".ndjson": objects.records,
}
_TABLES = (".csv", ".tsv", ".txt")


def survey(path: Path, *, has_template: bool) -> int:
    """Reads the file once through, and says how many records it has.

    Raises Refused where it cannot be read to its end, or where its columns do not fit; so all
    that spoils a whole file is known before the first message is handed over. `has_template`
    says whether records without a template of their own get one.
    """
    records = _reader(path)(path)
    if path.suffix.lower() in _TABLES:
        _check_columns(path, has_template=has_template)
    return sum(1 for _ in records)


def rows(path: Path, defaults: Defaults) -> Iterator[Row]:
    """Every record as a row, one at a time. Raises Refused as `survey` does."""
    for record in _reader(path)(path):
        yield _row(record, defaults)


def _reader(path: Path) -> Callable[[Path], Iterator[Record]]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise Refused(f"{shown(path)} must end in one of {', '.join(_READERS)}: rename it.")
    return reader


def _check_columns(path: Path, *, has_template: bool) -> None:
    names = table.columns(path)
    fields = {field_of(name) for name in names}
    if has_template or "template" in fields:
        return
    refuse_unknown(names)
    if not fields & {"body", "media_urls"}:
        raise Refused(
            f"{shown(path)} has no column that says what to send: name one body, message or "
            "template, or give --template."
        )


def _row(record: Record, defaults: Defaults) -> Row:
    reason = record.problem
    made = None
    if reason is None:
        try:
            made = draft(record.values, record.number, defaults)
        except Refused as refusal:
            reason = str(refusal)
    return Row(number=record.number, line=record.line, draft=made, reason=reason)
