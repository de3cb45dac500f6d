"""How a plan looks: who gets a text and who does not, when, how large, and for how much."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from unicodedata import combining

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.commands.ledger import RefusedRow
from messaging.commands.tables import columns, grid
from messaging.domain.forecast import CapHit, Forecast, Schedule
from messaging.domain.plan import Why
from messaging.domain.sums import InCountry, InZone, Sizes
from messaging.domain.wording import count, plain, span
from messaging.domain.zones import zone
from messaging.explanation.line import Tell

_SHOWN = 10
"""Rows of each table on the screen; JSON has all."""
_EXAMPLES = 5
"""Rows that would be refused on the screen."""
_MEANS: Mapping[str, tuple[str, str]] = {
    Why.DUPLICATE: ("duplicate", "handed over before, or twice in the file"),
    Why.COUNTRY: ("country", "texts do not go there; enqueue refuses them"),
    Why.BLOCKED: ("blocked", "the number begins with what is blocked; enqueue refuses them"),
    Why.OPTED_OUT: ("opted out", "the number's last word was no"),
    Why.NO_CONSENT: ("no consent", "they need an opt-in, and none is on record"),
    Why.DEAD_NUMBER: ("dead number", "a carrier reported that it takes no texts"),
    Why.DEADLINE: ("deadline", "it has passed, or passes before quiet hours end"),
    Why.LATE: ("too late", "the deadline passes before their turn comes"),
    Why.STOPPED: ("stopped", "they wait until sending is resumed"),
    Why.OVER_CAP: ("over a cap", "one of them is more than a whole hour or day may have"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What `plan --json` prints; `refused_rows` are the first hundred.

    `behind` is how many seconds old the replica's picture is; null where none was read.
    """

    file: str
    seconds: float
    report: str | None
    behind: float | None
    refused_rows: Sequence[RefusedRow]
    plan: Forecast


def picture(value: Planned, tell: Tell) -> list[RenderableType]:
    """The plan for people; `tell` says a time on the reader's clock."""
    found = value.plan
    parts: Sequence[Sequence[RenderableType]] = [
        [_title(value), _outcome(value)],
        [Text(f"Stopped: {plain(stop)}", "bold red") for stop in found.stops],
        _skipped(found.skips),
        _refused(value),
        [*_schedule(found.schedule, found.now, tell), *(_cap(hit, tell) for hit in found.caps)],
        _zones(found.zones),
        _sizes(found.sizes) if found.recipients else [],
        _costs(found.countries, found.usd),
    ]
    return [line for part in parts if part for line in ("", *part)] + [""]


def _title(value: Planned) -> Text:
    took = span(timedelta(seconds=value.seconds))
    said = f"  {count(value.plan.rows, 'row')} planned in {took}; nothing was handed over"
    return Text.assemble((plain(Path(value.file).name), "bold"), (said, "dim"))


def _outcome(value: Planned) -> Table:
    found, table = value.plan, grid()
    table.add_column(justify="right")
    where = f"every row is in {value.report}" if value.report else ""
    for name, number, style, remark in (
        ("recipients", found.recipients, "green", where),
        ("skipped", found.skipped, "yellow" if found.skipped else "", ""),
        ("refused", found.refused, "red" if found.refused else "", ""),
    ):
        table.add_row(Text(name, style), Text(f"{number:,}", style), Text(plain(remark), "dim"))
    return table


def _skipped(skips: Mapping[str, int]) -> list[RenderableType]:
    table = columns("skipped", ">rows", "because")
    for why, number in skips.items():
        name, means = _MEANS[why]
        table.add_row(Text(name, "bold"), f"{number:,}", Text(means))
    return [table] if skips else []


def _refused(value: Planned) -> list[RenderableType]:
    found = value.plan
    if not found.refused:
        return []
    kinds = columns(">refused", "because")
    for kind, number in list(found.refusals.items())[:_SHOWN]:
        kinds.add_row(f"{number:,}", Text(plain(kind)))
    first = columns(">row", ">line", "why it would be refused")
    for one in value.refused_rows[:_EXAMPLES]:
        first.add_row(str(one.row), str(one.line), Text(plain(one.reason)))
    if found.refused == 1:
        return [first]
    where = value.report or "--report FILE lists them all"
    return [kinds, "", first, *_rest(found.refused, "more row", where, shown=_EXAMPLES)]


def _schedule(found: Schedule, now: datetime, tell: Tell) -> Iterator[Text]:
    if found.first is None or found.last is None:
        return
    starts = f"at {tell(found.first)}" if found.first > now else "at once"
    yield Text(f"The first goes out {starts}, the last at {tell(found.last)}.")
    if found.sending is None or found.per_second is None:
        yield Text(
            "No rate limit is set: these are the times from which they may go out, and how long "
            "sending takes is up to Twilio."
        )
    else:
        took = span(timedelta(seconds=found.sending))
        yield Text(f"At {found.per_second:,.3g} {found.unit} a second, sending takes {took}.")
    if found.ahead:
        took = span(timedelta(seconds=found.ahead_for))
        yield Text(f"{_texts(found.ahead)} of others before them or among them: {took} more.")
    if found.deferred:
        waits = "waits" if found.deferred == 1 else "wait"
        yield Text(f"{_texts(found.deferred)} {waits} for the end of quiet hours.")
    if found.over_number_cap:
        waits = "waits" if found.over_number_cap == 1 else "wait"
        yield Text(f"{_texts(found.over_number_cap)} {waits} for the cap of their number.")


def _cap(hit: CapHit, tell: Tell) -> Text:
    often = f" The same in {count(hit.times - 1, 'more window')}." if hit.times > 1 else ""
    return Text(
        f"The cap {hit.cap} is reached at {tell(hit.at)}: {_texts(hit.waiting)} then due "
        f"go on from {tell(hit.until)}.{often}",
        "yellow",
    )


def _zones(zones: Sequence[InZone]) -> list[RenderableType]:
    if not zones:
        return []
    quiet = (">waiting", "until, there") if any(one.deferred for one in zones) else ()
    table = columns("on their clocks", ">texts", "first", "last", *quiet)
    for one in zones[:_SHOWN]:
        waits = (f"{one.deferred:,}", _there(one.until_first, one.zone)) if one.deferred else ()
        first, last = _there(one.first, one.zone), _there(one.last, one.zone)
        table.add_row(Text(one.zone, "bold"), f"{one.texts:,}", first, last, *waits)
    return [table, *_rest(len(zones), "more zone")]


def _sizes(sizes: Sizes) -> list[RenderableType]:
    parts = ", ".join(f"{number:,} of {segments}" for segments, number in sizes.by_segments.items())
    encodings = ", ".join(f"{number:,} {name}" for name, number in sizes.by_encoding.items())
    lines: list[RenderableType] = [
        Text(f"{count(sizes.segments, 'segment')}. Texts by segments: {parts}."),
        Text(f"Texts by encoding: {encodings}."),
    ]
    if sizes.characters:
        shown = ", ".join(
            f"{_sign(one.character)} in {one.texts:,}" for one in sizes.characters[:_SHOWN]
        )
        lines.append(Text(f"These characters make a text UCS-2: {shown}."))
    return lines


def _costs(countries: Sequence[InCountry], usd: str) -> list[RenderableType]:
    if not countries:
        return []
    table = columns("country", ">texts", ">segments", ">US dollars")
    for one in countries[:_SHOWN]:
        country = Text(one.country, "bold")
        table.add_row(country, f"{one.texts:,}", f"{one.segments:,}", f"{float(one.usd):,.2f}")
    texts, segments = (sum(getattr(one, of) for one in countries) for of in ("texts", "segments"))
    table.add_row(Text("in all"), f"{texts:,}", f"{segments:,}", f"{float(usd):,.2f}")
    estimate = Text("An estimate, by the table messaging.prices: put your own prices there.", "dim")
    return [table, *_rest(len(countries), "more country", many="more countries"), estimate]


def _rest(
    total: int,
    one: str,
    where: str = "--json has all",
    *,
    many: str | None = None,
    shown: int = _SHOWN,
) -> list[Text]:
    if total <= shown:
        return []
    return [Text(f"and {count(total - shown, one, many)}: {plain(where)}", "dim")]


def _texts(number: int) -> str:
    return count(number, "text")


def _there(time: datetime | None, name: str) -> str:
    return f"{time.astimezone(zone(name)):%d %b %H:%M}" if time else ""


def _sign(character: str) -> str:
    """A character and its number: some look like others, and some do not show."""
    shown = "" if combining(character) or not character.isprintable() else f"{character} "
    return f"{shown}U+{ord(character):04X}"
