"""Words for people: spans of time, numbers of things, texts that a terminal may show."""

from datetime import UTC, datetime, timedelta

import pytest

from messaging.commands.moments import iso, local, moment
from messaging.domain.wording import count, hide_numbers, plain, span
from messaging.errors import Refused

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (0.84, "0.8 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (12_000, "3 h 20 min"),
        (86_399.7, "1 d"),
        (-125, "2 min 5 s"),
        (400 * 86_400, "400 d"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, expected: str) -> None:
    assert expected == span(timedelta(seconds=seconds))


def test_things_are_counted_with_their_noun() -> None:
    told = [count(n, "row") for n in (0, 1, 1204)] + [count(2, "retry", "retries")]
    assert ["0 rows", "1 row", "1,204 rows", "2 retries"] == told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüße 👩‍👩‍👧\n\tend", "Grüße 👩‍👩‍👧\n\tend"),
        ("\x1b[2J\r\x07", r"\x1b[2J\r\x07"),
        ("\x9b\u202e\u2066", r"\x9b\u202e\u2066"),
    ],
)
def test_only_what_steers_a_terminal_is_written_out(text: str, expected: str) -> None:
    assert expected == plain(text)


def test_numbers_in_sentences_are_masked() -> None:
    text = "The 'To' number +15005550001 is not valid; see +49 or 21211."
    assert "The 'To' number +1500*****01 is not valid; see +49 or 21211." == hide_numbers(text)


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("+10m", timedelta(minutes=10)),
        (" +1h30m ", timedelta(minutes=90)),
        ("+90s", timedelta(seconds=90)),
        ("+2d", timedelta(days=2)),
        ("+0s", timedelta(0)),
        ("2026-11-24T13:00Z", timedelta(hours=1)),
        ("2026-11-24 13:00:00+01:00", timedelta(0)),
        ("20261124T1200Z", timedelta(0)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, ahead: timedelta) -> None:
    assert NOW + ahead == moment(text, NOW, "--at")


@pytest.mark.parametrize(
    "text",
    ["", "+", "+m", "10m", "+10", "+1m1h", "+1.5h", "tomorrow", "2026-13-01T00:00Z", "24.11.2026",
     "2026-11-24", "2026-11-24T12:00", "+9999999d", "0001-01-01T00:00+14:00", "١٠", "+١m"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="--at"):
        moment(text, NOW, "--at")


def test_times_are_told_with_their_distance() -> None:
    tell = local(NOW)
    assert tell(NOW + timedelta(minutes=2)).endswith("(in 2 min)")
    assert tell(NOW - timedelta(minutes=2)).endswith("(2 min ago)")


def test_times_are_told_to_machines_in_utc() -> None:
    assert "2026-11-24T12:00:00.000Z" == iso(NOW)
