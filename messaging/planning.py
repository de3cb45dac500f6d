"""Plans a campaign: what would become of a file's rows, when and for how much. Writes nothing."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from messaging.bounds import Bounds
from messaging.domain.consent import Said
from messaging.domain.course import Course, Others, Passed, Road
from messaging.domain.destinations import ANYWHERE
from messaging.domain.draft import Prepared
from messaging.domain.first_lines import FirstLines
from messaging.domain.forecast import Forecast, forecast
from messaging.domain.job import Lane, Phone
from messaging.domain.meter import CENTS, Load, Meter
from messaging.domain.plan import Known, Refusal, Row, Rules, Skip, Why, judge, out_of_bounds
from messaging.domain.repeats import Repeats
from messaging.domain.segments import Encoding, characters_that_force_ucs2
from messaging.domain.sums import Tally
from messaging.domain.texts import Size, Texts, instant
from messaging.errors import Refused
from messaging.postgres import guards, hours, planning
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.guards import Stop
from messaging.postgres.jobs import Postgres
from messaging.postgres.planning import Foreseen
from messaging.settings import Settings
from messaging.steps.drafting import prepare_all
from messaging.steps.standing import standings

_LATEST = datetime(8999, 1, 1, tzinfo=UTC).timestamp()
"""What is due later waits for something without a time."""
_UNSENT = {
    Why.LATE: "Its deadline passes before its turn comes.",
    Why.OVER_CAP: "It alone is more than the caps allow for a whole hour or day.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What would become of a row: refused, skipped, or the text of this number goes out."""

    row: Row
    phone: Phone | None = None
    verdict: Refusal | Skip | int


class Planner:
    """One for a file: takes its rows, some thousands at a time, and tells the plan at the end."""

    def __init__(self, conn: Postgres, settings: Settings) -> None:
        """Reads what holds for all of them. The connection should be in one transaction."""
        self._conn = conn
        self._settings = settings
        self._stops = guards.active_stops(conn)
        self._destinations = Bounds(settings).of(self._connection)
        self._defaults = Defaults.of(settings)
        self._rules = Rules(
            book=settings.rulebook(ANYWHERE),
            stopped=_stopped(self._stops),
            lifetimes=settings.lifetimes,
            now=hours.now(conn),
        )
        self._repeats = Repeats()
        self._lines = FirstLines(settings.lines)
        self._tally = Tally()
        self._passed = Passed()
        self.texts = Texts(settings.time_zone, settings.caps)

    @property
    def now(self) -> datetime:
        """The moment that the plan starts from, by the database's clock."""
        return self._rules.now

    def take(self, rows: Sequence[Row]) -> list[Fate]:
        """What would become of these, before it is known when their turn comes."""
        drafts = {row.number: row.draft for row in rows if row.draft is not None}
        region, lines = self._settings.default_region, self._settings.lines
        drafted = prepare_all(drafts, region, ANYWHERE, lines, self._connection)
        known = self._ask(drafted.prepared)
        fates = []
        for row in rows:
            draft = drafted.prepared.get(row.number)
            if draft is None:
                reason = row.reason or drafted.refused[row.number]
                fates.append(self._against(row, None, Refusal(reason=reason)))
            else:
                fates.append(self._judged(row, draft, known))
        return fates

    def finish(self) -> Forecast:
        """Lets the texts go out on paper, and sums all up."""
        road = self._road()
        self._passed = Course(self.texts, road, self._ahead(road)).run()
        stops = [f"{stop.words}: {stop.reason}" for stop in self._stops]
        return forecast(self._tally, self.texts, road, self._passed, stops)

    def skip_of(self, text: int) -> Skip | None:
        """Why a text does not go out after all, once the plan is finished; None where it does."""
        why = self._passed.unsent.get(text)
        return None if why is None else Skip(why=why, reason=_UNSENT[why])

    def _connection(self) -> AbstractContextManager[Postgres]:
        return nullcontext(self._conn)

    def _ask(self, drafts: Mapping[int, Prepared]) -> "_Answers":
        bounds = {
            number: skip
            for number, draft in drafts.items()
            if (skip := out_of_bounds(draft.recipient_phone, self._destinations))
        }
        inside = {number: draft for number, draft in drafts.items() if number not in bounds}
        phones = [draft.recipient_phone for draft in inside.values()]
        foreseen = planning.foresee(self._conn, list(inside.values()), self._defaults)
        if self.texts.has_uses and phones:
            for phone, times in planning.uses(self._conn, phones).items():
                self.texts.use(phone, times)
        return _Answers(
            bounds=bounds,
            foreseen=dict(zip(inside, foreseen, strict=True)),
            said=standings(self._conn, phones, self._settings.keyring) if phones else {},
        )

    def _judged(self, row: Row, draft: Prepared, known: "_Answers") -> Fate:
        phone = draft.recipient_phone
        if skip := known.bounds.get(row.number):
            return self._against(row, phone, skip)
        foreseen = known.foreseen[row.number]
        against = _twin(foreseen) or self._repeats.find(draft, foreseen.content_key)
        if against:
            return self._against(row, phone, against)
        self._repeats.keep(draft, foreseen.content_key)
        verdict = judge(draft, _known(foreseen, known.said.get(phone, ())), self._rules)
        if isinstance(verdict, Skip):
            return self._against(row, phone, verdict)
        try:
            text = self._lines.with_line(draft, foreseen.standing)
        except Refused as refusal:
            return self._against(row, phone, Refusal(reason=str(refusal)))
        self._tally.take()
        size = _size(text, foreseen, draft.segments)
        return Fate(row=row, phone=phone, verdict=self.texts.add(verdict, size))

    def _against(self, row: Row, phone: Phone | None, verdict: Refusal | Skip) -> Fate:
        self._tally.add(verdict)
        return Fate(row=row, phone=phone, verdict=verdict)

    def _road(self) -> Road:
        settings = self._settings
        counts = guards.counts(self._conn) if settings.caps else []
        return Road(
            start=self.now.timestamp(),
            interval=settings.pace.interval if settings.pace else None,
            counts_segments=settings.counts_segments,
            quiet=settings.quiet_hours,
            caps=settings.caps,
            meter=Meter(
                settings.caps,
                (
                    (one.span, one.began.timestamp(), _load(one.messages, one.segments, one.usd))
                    for one in counts
                ),
            ),
        )

    def _ahead(self, road: Road) -> list[Others]:
        """What others have in the queues by the time that the last of ours may go out."""
        caps = road.caps
        if not len(self.texts) or not (road.interval or caps):
            return []
        ours = sum(road.units(self.texts.load(number)) for number in range(len(self.texts)))
        took = ours * road.interval.total_seconds() if road.interval else 0.0
        until = instant(min(_LATEST, max(self.texts.due) + took))
        in_usd = bool(caps and (caps.usd_hour or caps.usd_day))
        return [
            Others(
                due=group.due.timestamp(),
                lane=group.lane,
                load=_load(group.messages, group.segments, group.usd),
            )
            for group in planning.ahead(self._conn, until, in_usd=in_usd)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What was asked about some rows, by their numbers."""

    bounds: Mapping[int, Skip]
    foreseen: Mapping[int, Foreseen]
    said: Mapping[Phone, tuple[Said, ...]]


def _stopped(stops: Sequence[Stop]) -> Mapping[Lane, str]:
    """The lanes that are stopped, each by what."""
    everything = {lane: stop.words for stop in stops if stop.scope == "all" for lane in Lane}
    lanes = {Lane(stop.value): stop.words for stop in stops if stop.scope == "lane"}
    return {**lanes, **everything}


def _twin(foreseen: Foreseen) -> Refusal | Skip | None:
    if reason := foreseen.refusal or foreseen.twin_reason:
        return Refusal(reason=reason)
    if foreseen.is_duplicate:
        return Skip(why=Why.DUPLICATE, reason="It has been handed over before.")
    return None


def _known(foreseen: Foreseen, said: tuple[Said, ...]) -> Known:
    return Known(
        stop=foreseen.stop,
        said=said,
        dead_code=foreseen.dead_code,
        dead_until=foreseen.dead_until,
    )


def _size(draft: Prepared, foreseen: Foreseen, priced: int) -> Size:
    """The price was asked for `priced` segments."""
    return Size(
        segments=draft.segments,
        money=_money(foreseen.usd * draft.segments / max(1, priced)),
        region=foreseen.region,
        encoding=draft.encoding,
        has_media=bool(draft.media_urls),
        odd=_odd(draft),
    )


def _odd(draft: Prepared) -> tuple[str, ...]:
    if draft.encoding is Encoding.GSM7 or draft.media_urls:
        return ()
    return characters_that_force_ucs2(draft.message_content)


def _load(messages: int, segments: int, usd: Decimal) -> Load:
    return Load(messages, segments, _money(usd))


def _money(usd: Decimal) -> int:
    return int(usd * CENTS)
