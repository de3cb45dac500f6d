"""The form of a create request."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from messaging.domain.answers import Outgoing
from messaging.domain.job import JobId, Phone
from messaging.settings import load
from messaging.twilio.parameters import Form, NeedsMessagingService, Sender, callback_url, validity

JOB = JobId(uuid.UUID("00000000-0000-4000-8000-000000000001"))
SERVICE = "MG" + "0" * 32
BASIC = {
    "DATABASE_URL": "postgresql://localhost/x",
    "TWILIO_FROM": "+15005550006",
}
QUERY = f"job={JOB}&attempt=2"


def text(
    *, body: str = "Hello", media: tuple[str, ...] = (), send_at: datetime | None = None
) -> Outgoing:
    return Outgoing(
        job_id=JOB,
        attempt=2,
        to=Phone("+15551230000"),
        body=body,
        media_urls=media,
        send_at=send_at,
        write_before=0.0,
    )


def form(outgoing: Outgoing, **environment: str) -> Form:
    return Sender.of(load(BASIC | environment)).form(outgoing)


HELLO = {"To": "+15551230000", "Body": "Hello", "SmartEncoded": "false"}


def test_a_number_sends_where_no_service_is_set() -> None:
    expected = {
        "To": "+15551230000",
        "Body": "Hello",
        "SmartEncoded": "false",
        "From": "+15005550006",
    }
    assert expected == form(text())


def test_a_messaging_service_goes_before_a_number() -> None:
    expected = {
        "To": "+15551230000",
        "Body": "Hello",
        "SmartEncoded": "false",
        "MessagingServiceSid": SERVICE,
    }
    assert expected == form(text(), TWILIO_MESSAGING_SERVICE_SID=SERVICE)


def test_media_is_passed_on_and_needs_no_body() -> None:
    found = form(text(body="", media=("https://a/1.png", "https://a/2.png")))
    assert found["MediaUrl"] == ["https://a/1.png", "https://a/2.png"]
    assert "Body" not in found


def test_an_empty_text_is_left_to_twilio_to_refuse() -> None:
    assert form(text(body=""))["Body"] == ""


def test_the_status_callback_names_the_job_and_the_attempt() -> None:
    found = form(text(), PUBLIC_BASE_URL="https://texts.example.org")
    expected = f"https://texts.example.org/api/twilio/status?{QUERY}#rc=3&rp=all"
    assert expected == found["StatusCallback"]


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://a.example/s", f"https://a.example/s?{QUERY}#rc=3&rp=all"),
        ("https://a.example", f"https://a.example?{QUERY}#rc=3&rp=all"),
        ("https://a.example/s?x=1", f"https://a.example/s?x=1&{QUERY}#rc=3&rp=all"),
        ("https://a.example/s?", f"https://a.example/s?{QUERY}#rc=3&rp=all"),
        ("https://a.example/s#rc=5", f"https://a.example/s?{QUERY}#rc=5"),
        ("https://a.example/s?x=1#rc=0", f"https://a.example/s?x=1&{QUERY}#rc=0"),
    ],
)
def test_a_callback_address_stays_valid(url: str, expected: str) -> None:
    found = callback_url(url, JOB, 2)
    assert expected == found
    assert [str(JOB)] == parse_qs(urlsplit(found).query)["job"]


@pytest.mark.parametrize(
    "send_at",
    [
        datetime(2026, 12, 1, 9, 29, 59, 1, tzinfo=UTC),
        datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
        datetime(2026, 12, 1, 10, 30, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_a_text_for_later_carries_its_time_in_utc_rounded_up(send_at: datetime) -> None:
    found = form(text(send_at=send_at), TWILIO_MESSAGING_SERVICE_SID=SERVICE)
    assert (found["ScheduleType"], found["SendAt"]) == ("fixed", "2026-12-01T09:30:00Z")


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (600.9, "600"),
        (1.0, "1"),
        (0.2, "1"),
        (36_000.0, "36000"),
        (36_000.1, None),
        (10.0**9, None),
    ],
)
def test_twilio_is_told_the_whole_seconds_that_are_left(left: float, told: str | None) -> None:
    assert told == validity(left).get("ValidityPeriod")


def test_a_text_without_a_deadline_is_good_as_long_as_twilio_likes() -> None:
    assert "ValidityPeriod" not in form(text())


def test_a_text_for_later_is_never_sent_now_for_want_of_a_service() -> None:
    with pytest.raises(NeedsMessagingService):
        form(text(send_at=datetime(2026, 12, 1, tzinfo=UTC)))
