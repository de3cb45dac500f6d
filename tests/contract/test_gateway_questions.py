"""What the gateway asks Twilio about messages, and that it believes clean answers only."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from messaging.domain.answers import Canceling, Deleting, Listed, Unanswered
from messaging.domain.job import Phone, Sid
from messaging.settings import load
from messaging.twilio.gateway import Gateway
from tests.contract.gateway_server import Act, Server, answer, close, http, serving

ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "0" * 32
SID = Sid("SM" + "0" * 32)
TO = Phone("+15551230000")
SINCE = datetime(2026, 11, 24, 10, 0, 0, 700_000, tzinfo=UTC)
LIST = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
Opened = Callable[..., Gateway]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Gateways that are closed when the test ends."""
    gateways: list[Gateway] = []

    def make(server: Server | str, **environment: str) -> Gateway:
        basic = {
            "DATABASE_URL": "postgresql://localhost/x",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": "secret",
            "TWILIO_FROM": "+15005550006",
            "TWILIO_API_BASE_URL": server if isinstance(server, str) else server.url,
        }
        gateways.append(Gateway(load(basic | environment)))
        return gateways[-1]

    yield make
    for gateway in gateways:
        gateway.close()


def record(number: int = 0, *, seconds: float = 1, **changes: object) -> dict[str, object]:
    """A message created so many seconds after SINCE's whole second."""
    created = SINCE.replace(microsecond=0) + timedelta(seconds=seconds)
    return {
        "sid": f"SM{number:032x}",
        "to": TO,
        "from": "+15005550006",
        "messaging_service_sid": None,
        "body": "Hello",
        "status": "queued",
        "direction": "outbound-api",
        "date_created": created.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "error_code": None,
    } | changes


def page(*records: dict[str, object], following: str | None = None) -> Act:
    return answer(http(200, json.dumps({"messages": records, "next_page_uri": following})))


def one(**changes: object) -> Act:
    return answer(http(200, json.dumps(record(**changes))))  # type: ignore[arg-type]


def error(status: int, code: int | None) -> Act:
    return answer(http(status, json.dumps({"code": code, "message": "no", "status": status})))


def numbers(found: tuple[Listed, ...] | Unanswered) -> list[int]:
    assert isinstance(found, tuple), found
    return [int(message.sid[2:], 16) for message in found]


UNCLEAN = [
    ("a server error", error(500, 20500)),
    ("wrong credentials", error(401, 20003)),
    ("too many requests", error(429, 20429)),
    ("a page of somebody else's", answer(http(200, "<html>"))),
    ("an empty answer", answer(http(200))),
    ("no content", answer(http(204))),
    ("another shape", answer(http(200, "[]"))),
    ("a redirect", answer(http(302, headers=["Location: /"]))),
    ("no answer", close),
]


def test_a_list_is_asked_for_by_number_alone(opened: Opened) -> None:
    with serving(page(record(1))) as server:
        assert numbers(opened(server).find(TO, SINCE)) == [1]
    line = server.requests[0].partition(b"\r\n")[0].decode()
    assert line == f"GET {LIST}?To=%2B15551230000&PageSize=100 HTTP/1.1"


def test_messages_of_the_same_second_count_and_older_ones_do_not(opened: Opened) -> None:
    listed = page(
        record(1, seconds=5), record(2, seconds=0), record(3, seconds=-1), record(4, seconds=3)
    )
    with serving(listed) as server:
        assert numbers(opened(server).find(TO, SINCE)) == [1, 2, 4]


def test_a_message_without_a_time_counts(opened: Opened) -> None:
    with serving(page(record(1, date_created=None))) as server:
        assert numbers(opened(server).find(TO, SINCE)) == [1]


def test_what_came_in_is_not_found(opened: Opened) -> None:
    directions = ("inbound", "outbound-api", "outbound-reply", "outbound-call")
    listed = page(*[record(place, direction=name) for place, name in enumerate(directions)])
    with serving(listed) as server:
        assert numbers(opened(server).find(TO, SINCE)) == [1, 2, 3]


def test_pages_are_followed_as_long_as_they_are_recent(opened: Opened) -> None:
    script = (
        page(record(1, direction="inbound"), following=f"{LIST}?Page=1&PageToken=PA1"),
        page(record(2), record(3, seconds=-5), following=f"{LIST}?Page=2"),
        page(record(4, seconds=-9), following=f"{LIST}?Page=3"),
        page(record(5)),
    )
    with serving(*script) as server:
        assert numbers(opened(server).find(TO, SINCE)) == [2]
    assert [b"?To=%2B15551230000&PageSize=100", b"?Page=1&PageToken=PA1", b"?Page=2"] == [
        request.split(b" ")[1].removeprefix(LIST.encode()) for request in server.requests
    ]


def test_an_empty_list_is_an_answer(opened: Opened) -> None:
    with serving(page()) as server:
        assert opened(server).find(TO, SINCE) == ()


def test_a_list_without_an_end_proves_nothing(opened: Opened) -> None:
    with serving(page(record(1), following=f"{LIST}?Page=1")) as server:
        assert isinstance(opened(server).find(TO, SINCE), Unanswered)
    assert len(server.requests) == 10


@pytest.mark.parametrize(
    "situation, act",
    [
        *UNCLEAN,
        ("not found", error(404, 20404)),
        ("one record that cannot be read", page(record(1), record(2, sid=None))),
        ("a next page elsewhere", page(record(1), following="https://elsewhere.example/")),
    ],
)
def test_a_list_that_is_not_clean_proves_nothing(opened: Opened, situation: str, act: Act) -> None:
    with serving(act) as server:
        assert isinstance(opened(server).find(TO, SINCE), Unanswered), situation


@pytest.mark.parametrize("situation, act", UNCLEAN)
def test_a_second_page_that_is_not_clean_makes_the_first_worthless(
    opened: Opened, situation: str, act: Act
) -> None:
    with serving(page(record(1), following=f"{LIST}?Page=1"), act) as server:
        assert isinstance(opened(server).find(TO, SINCE), Unanswered), situation


def test_a_message_is_fetched(opened: Opened) -> None:
    with serving(one(status="delivered")) as server:
        found = opened(server).fetch(SID)
    assert isinstance(found, Listed)
    assert (found.sid, found.status) == (SID, "delivered")


def test_a_message_that_twilio_does_not_have_is_none(opened: Opened) -> None:
    with serving(error(404, 20404)) as server:
        assert opened(server).fetch(SID) is None


@pytest.mark.parametrize(
    "situation, act", [*UNCLEAN, ("a 404 that is not Twilio's", error(404, None))]
)
def test_a_fetch_that_is_not_clean_proves_nothing(opened: Opened, situation: str, act: Act) -> None:
    with serving(act) as server:
        assert isinstance(opened(server).fetch(SID), Unanswered), situation


@pytest.mark.parametrize(
    "situation, script, expected",
    [
        ("taken back", [one(status="canceled")], Canceling.CANCELED),
        ("sent after all", [one(status="sent")], Canceling.TOO_LATE),
        ("refused, gone out", [error(400, 30409), one(status="sent")], Canceling.TOO_LATE),
        (
            "refused, taken back before",
            [error(400, 30409), one(status="canceled")],
            Canceling.CANCELED,
        ),
        (
            "refused, still waiting",
            [error(409, None), one(status="scheduled")],
            Canceling.UNANSWERED,
        ),
        ("refused, then nothing", [error(400, 30409), close], Canceling.UNANSWERED),
        ("refused, then unknown", [error(400, 30409), error(404, 20404)], Canceling.UNANSWERED),
        ("unknown", [error(404, 20404)], Canceling.UNANSWERED),
        ("too many requests", [error(429, 20429)], Canceling.UNANSWERED),
        ("a server error", [error(500, 20500)], Canceling.UNANSWERED),
        ("a strange answer", [answer(http(200, "ok"))], Canceling.UNANSWERED),
        ("no answer", [close], Canceling.UNANSWERED),
    ],
)
def test_a_message_kept_for_later_is_canceled_only_if_twilio_says_so(
    opened: Opened, situation: str, script: list[Act], expected: Canceling
) -> None:
    with serving(*script) as server:
        assert [expected] == opened(server).cancel([SID]), situation
    assert server.requests[0].endswith(b"\r\n\r\nStatus=canceled")
    assert len(script) == len(server.requests)


def test_without_settings_or_once_closed_nothing_is_answered() -> None:
    unset = Gateway(load({"DATABASE_URL": "postgresql://localhost/x"}))
    assert "TWILIO_ACCOUNT_SID" in str(unset.find(TO, SINCE))
    assert "TWILIO_ACCOUNT_SID" in unset.check().account.why
    assert ([Canceling.UNANSWERED], []) == (unset.cancel([SID]), unset.cancel([]))
    unset.close()
    assert "closed" in str(unset.fetch(SID))


NUMBERS = answer(
    http(200, json.dumps({"incoming_phone_numbers": [{"phone_number": "+15005550006"}]}))
)


@pytest.mark.parametrize(
    "situation, environment, script, account, sender",
    [
        ("a number of ours", {}, [page(), NUMBERS], True, True),
        ("a number of others", {"TWILIO_FROM": "+15005550001"}, [page(), NUMBERS], True, False),
        ("a sender name", {"TWILIO_FROM": "Clinic"}, [page()], True, True),
        (
            "a service",
            {"TWILIO_MESSAGING_SERVICE_SID": SERVICE},
            [page(), answer(http(200, "{}"))],
            True,
            True,
        ),
        (
            "no such service",
            {"TWILIO_MESSAGING_SERVICE_SID": SERVICE},
            [page(), error(404, 20404)],
            True,
            False,
        ),
        ("wrong credentials", {}, [error(401, 20003)], False, False),
        ("no answer", {}, [close], False, False),
        ("no answer about the number", {}, [page(), close], True, False),
        ("a strange list of numbers", {}, [page(), answer(http(200, "{}"))], True, False),
    ],
)
def test_credentials_and_sender_are_checked_without_sending(
    opened: Opened,
    situation: str,
    environment: dict[str, str],
    script: list[Act],
    account: bool,
    sender: bool,
) -> None:
    with serving(*script) as server:
        checked = opened(server, **environment).check()
    assert (account, sender) == (checked.account.ok, checked.sender.ok), situation
    assert checked.ok == (account and sender)
    assert "secret" not in f"{checked}"
    assert all(request.startswith(b"GET ") for request in server.requests)
    assert len(script) == len(server.requests)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (answer(http(204, "")), Deleting.DELETED),
        (error(404, 20404), Deleting.DELETED),
        (error(404, None), Deleting.UNANSWERED),
        (error(409, 20009), Deleting.UNDER_WAY),
        (error(500, 20500), Deleting.UNANSWERED),
        (error(401, 20003), Deleting.UNANSWERED),
        (close, Deleting.UNANSWERED),
    ],
    ids=["gone", "gone before", "a 404 of somebody else", "under way", "error", "wrong", "silence"],
)
def test_a_record_is_deleted_only_if_twilio_says_so(
    opened: Opened, script: Act, expected: Deleting
) -> None:
    with serving(script) as server:
        assert [expected] == list(opened(server).delete([SID]))
