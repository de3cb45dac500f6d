"""Twilio's own records of messages."""

import json
from datetime import UTC, datetime

import pytest

from messaging.domain.answers import Listed
from messaging.domain.job import Sid
from messaging.twilio import listing

RECORD: dict[str, object] = {
    "sid": "SM" + "0" * 32,
    "to": "+15551230000",
    "from": "+15005550006",
    "messaging_service_sid": None,
    "body": "Hello",
    "status": "delivered",
    "direction": "outbound-api",
    "date_created": "Tue, 24 Nov 2026 10:00:05 +0000",
    "error_code": None,
}


def test_a_record_becomes_a_value() -> None:
    expected = Listed(
        sid=Sid("SM" + "0" * 32),
        to="+15551230000",
        sender="+15005550006",
        messaging_service_sid=None,
        body="Hello",
        status="delivered",
        direction="outbound-api",
        date_created=datetime(2026, 11, 24, 10, 0, 5, tzinfo=UTC),
    )
    assert expected == listing.one(json.dumps(RECORD))


def test_what_is_not_known_yet_is_none() -> None:
    found = listing.one(json.dumps(RECORD | {"from": None, "body": None, "date_created": None}))
    assert (found.sender, found.body, found.date_created) == (None, "", None)


@pytest.mark.parametrize("code", [30003, "30003"])
def test_an_error_code_is_a_number(code: object) -> None:
    assert listing.one(json.dumps(RECORD | {"error_code": code})).error_code == 30003


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"messages": {}}',
        '{"messages": [1]}',
        '{"messages": [{}]}',
        json.dumps({"messages": [RECORD | {"sid": None}]}),
        json.dumps({"messages": [RECORD | {"direction": ""}]}),
        json.dumps({"messages": [RECORD | {"date_created": "yesterday"}]}),
        json.dumps({"messages": [RECORD | {"error_code": "x"}]}),
        json.dumps({"messages": [], "next_page_uri": "https://elsewhere.example/x"}),
        json.dumps({"messages": [], "next_page_uri": "//elsewhere.example/x"}),
        json.dumps({"messages": [], "next_page_uri": 1}),
    ],
)
def test_a_page_that_cannot_be_read_whole_is_not_read_at_all(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it is, it proves nothing
        listing.page(body)


@pytest.mark.parametrize("following", [None, "/2010-04-01/x.json?Page=1"])
def test_a_page_names_the_next_one(following: str | None) -> None:
    page = listing.page(json.dumps({"messages": [RECORD], "next_page_uri": following}))
    assert (1, following) == (len(page.messages), page.next_uri)
