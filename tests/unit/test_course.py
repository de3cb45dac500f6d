"""The course of a plan: what goes out when, at a rate, through quiet hours, caps and deadlines."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain import sums
from messaging.domain.caps import Caps
from messaging.domain.category import Category
from messaging.domain.course import Course, Others, Passed, Road
from messaging.domain.forecast import Forecast, forecast
from messaging.domain.hours import Hours
from messaging.domain.job import Lane, Phone
from messaging.domain.meter import Load, Meter
from messaging.domain.plan import Going, Refusal, Skip, Why
from messaging.domain.quiet_hours import QuietHours, Recipient
from messaging.domain.segments import Encoding
from messaging.domain.sums import Tally
from messaging.domain.texts import Size, Texts

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
START = NOON.timestamp()
QUIET = QuietHours(own={Category.MARKETING: Hours.outside("12:01-13:00")}, by_law=False)
SECOND = timedelta(seconds=1)


def going(
    due: float = 0,
    *,
    urgent: bool = False,
    lasts: float | None = None,
    keeps_hours: bool = False,
    phone: str = "+12025550100",
) -> Going:
    at = NOON + timedelta(seconds=due)
    return Going(
        recipient=Recipient(
            phone=Phone(phone), category=Category.MARKETING, time_zone="UTC", urgent=urgent
        ),
        lane=Lane.URGENT if urgent else Lane.NORMAL,
        due=at,
        waits=False,
        keeps_hours=keeps_hours,
        expires_at=None if lasts is None else at + timedelta(seconds=lasts),
    )


def size(segments: int = 1, money: int = 100) -> Size:
    return Size(
        segments=segments, money=money, region="US", encoding=Encoding.GSM7, has_media=False
    )


def road(
    caps: Caps | None = None,
    *,
    interval: timedelta | None = SECOND,
    in_segments: bool = False,
    used: Iterable[tuple[str, float, Load]] = (),
) -> Road:
    return Road(
        start=START,
        interval=interval,
        counts_segments=in_segments,
        quiet=QUIET,
        caps=caps,
        meter=Meter(caps, used),
    )


def run(
    rows: Sequence[Going], on: Road | None = None, others: Iterable[Others] = (), segments: int = 1
) -> tuple[list[float | None], Passed]:
    """When each went out, in seconds after noon, None where it did not; and what happened."""
    on = on or road()
    texts = Texts("UTC", on.caps)
    for row in rows:
        texts.add(row, size(segments))
    passed = Course(texts, on, others).run()
    return [None if isnan(at) else round(at - START, 3) for at in texts.starts], passed


def test_texts_follow_each_other_at_the_rate() -> None:
    assert [0, 1, 2] == run([going()] * 3)[0]


def test_without_a_rate_each_goes_out_at_its_time() -> None:
    assert [0, 5, 0] == run([going(), going(5), going()], road(interval=None))[0]


def test_a_limit_in_segments_gives_a_long_text_more_time() -> None:
    assert [0, 3] == run([going()] * 2, road(in_segments=True), segments=3)[0]


def test_urgent_texts_go_first_and_the_rest_in_the_order_of_their_times() -> None:
    rows = [going(), going(), going(1, urgent=True), going(0.5)]
    assert [0, 2, 1, 3] == run(rows)[0]


def test_what_waits_already_goes_first_and_urgent_texts_overtake_it() -> None:
    waiting = Others(due=START, lane=Lane.NORMAL, load=Load(100, 100, 0))
    starts, passed = run([going(), going(3, urgent=True)], others=[waiting])
    assert [101, 3] == starts
    assert (100, 100) == (passed.others, passed.ahead)


def test_what_others_schedule_in_between_takes_its_time() -> None:
    rows = [going(), going(10), going(10)]
    between = Others(due=START + 5, lane=Lane.NORMAL, load=Load(8, 8, 0))
    assert [0, 13, 14] == run(rows, others=[between])[0]


def test_a_text_whose_deadline_passes_before_its_turn_is_late() -> None:
    starts, passed = run([going(lasts=1.5)] * 4)
    assert [0, 1, None, None] == starts
    assert {2: Why.LATE, 3: Why.LATE} == passed.unsent


def test_what_comes_up_at_a_quiet_hour_waits_for_its_end() -> None:
    starts, _ = run([going(keeps_hours=True)] * 62)
    assert [0, 59, 3600, 3601] == [starts[0], starts[59], starts[60], starts[61]]


def test_what_expires_before_quiet_hours_end_is_late() -> None:
    starts, passed = run([going(90, keeps_hours=True, lasts=60)])
    assert ([None], {0: Why.LATE}) == (starts, passed.unsent)


def test_a_full_cap_holds_all_back_until_the_next_hour_and_says_how_many() -> None:
    starts, passed = run([going()] * 5, road(Caps(messages_hour=2)))
    assert [0, 1, 3600, 3601, 7200] == starts
    hit = passed.hits["messages_hour"]
    assert (2.0, 3600.0, 3, 2) == (hit.at - START, hit.until - START, hit.waiting, hit.times)


def test_what_was_counted_before_leaves_less_of_the_hour() -> None:
    used = [("hour", START, Load(1, 1, 0)), ("day", START - 12 * 3600, Load(9, 9, 0))]
    caps = Caps(messages_hour=2, messages_day=11)
    starts, passed = run([going()] * 3, road(caps, used=used))
    assert [0, 3600, 12 * 3600] == starts
    assert {"messages_hour", "messages_day"} == set(passed.hits)


@pytest.mark.parametrize("caps", [Caps(segments_hour=2), Caps(usd_day=Decimal("0.005"))])
def test_what_no_hour_has_room_for_is_over_the_cap(caps: Caps) -> None:
    starts, passed = run([going()], road(caps), segments=3)
    assert ([None], {0: Why.OVER_CAP}) == (starts, passed.unsent)


def test_the_cap_of_a_number_keeps_its_texts_apart_and_nobody_elses() -> None:
    rows = [going(), going(), going(), going(phone="+12025550199")]
    starts, passed = run(rows, road(Caps(recipient_hour=1)))
    assert [0, 3600, 7200, 1] == starts
    assert 2 == passed.capped_numbers


def test_texts_that_a_number_had_before_count() -> None:
    texts = Texts("UTC", caps := Caps(recipient_day=2))
    texts.use(Phone("+12025550100"), [NOON - timedelta(hours=3), NOON - timedelta(hours=2)])
    texts.add(going(), size())
    Course(texts, road(caps)).run()
    assert START + 21 * 3600 == texts.starts[0]


TEXTS = st.builds(
    going,
    st.integers(0, 7200),
    urgent=st.booleans(),
    lasts=st.none() | st.integers(1, 5000),
    keeps_hours=st.booleans(),
    phone=st.sampled_from(["+12025550100", "+12025550101"]),
)
CAPS = st.none() | st.builds(
    Caps,
    messages_hour=st.none() | st.integers(1, 5),
    segments_day=st.none() | st.integers(1, 40),
    recipient_hour=st.none() | st.integers(1, 3),
)
OTHERS = st.builds(
    Others,
    due=st.integers(0, 5000).map(lambda seconds: START + seconds),
    lane=st.sampled_from(Lane),
    load=st.integers(1, 50).map(lambda count: Load(count, count, count)),
)
VERDICTS = st.sampled_from([Refusal(reason="'x' is wrong: y."), Skip(why=Why.DUPLICATE, reason="")])


def planned(
    rows: Sequence[tuple[Going, int]],
    against: Sequence[Refusal | Skip],
    caps: Caps | None,
    others: Sequence[Others],
) -> tuple[Texts, Forecast]:
    tally, texts, on = Tally(), Texts("UTC", caps), road(caps)
    for verdict in against:
        tally.add(verdict)
    for row, segments in rows:
        tally.take()
        texts.add(row, size(segments))
    passed = Course(texts, on, others).run()
    return texts, forecast(tally, texts, on, passed, ())


@given(
    st.lists(st.tuples(TEXTS, st.integers(1, 3)), max_size=30),
    st.lists(VERDICTS, max_size=5),
    CAPS,
    st.lists(OTHERS, max_size=3),
)
def test_every_row_is_counted_once_and_no_cap_is_exceeded(
    rows: list[tuple[Going, int]],
    against: list[Refusal | Skip],
    caps: Caps | None,
    others: list[Others],
) -> None:
    texts, found = planned(rows, against, caps, others)
    assert len(rows) + len(against) == found.rows
    assert found.rows == found.recipients + found.skipped + found.refused
    sent = list(sums.sent(texts))
    assert found.recipients == len(sent)
    assert found.recipients == sum(one.texts for one in found.zones)
    assert found.recipients == sum(one.texts for one in found.countries)
    assert found.recipients == sum(found.sizes.by_segments.values())
    assert all(texts.due[n] <= texts.starts[n] < texts.expires[n] for n in sent)
    starts = sorted(texts.starts[n] for n in sent)
    assert all(later - before >= 0.999 for before, later in pairwise(starts))
    if caps and caps.messages_hour:
        assert caps.messages_hour >= max(Counter(at // 3600 for at in starts).values(), default=0)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("priority 'high' is no whole number.", "priority … is no whole number"),
        (
            "The phone number +1415*****71 has too few digits: check it.",
            "The phone number … has too few digits",
        ),
        ("The row has 3 values, but 4 columns are named.", "The row has … values, but … columns"),
        ("Template 'hi': It needs the variable 'a': give it.", "Template …: It needs the variable"),
        ("Template 'hi': broken", "Template …: broken"),
    ],
)
def test_refusals_of_a_kind_are_told_as_one(reason: str, kind: str) -> None:
    assert sums.kind_of(reason).startswith(kind)
