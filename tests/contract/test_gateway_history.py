"""The account's own list, read in full: what waits, what was sent, page after page."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from messaging.domain.answers import Listed, Unanswered
from messaging.settings import load
from messaging.twilio import history
from messaging.twilio.gateway import Gateway
from tests.contract.gateway_server import Act, Server, answer, close, http, serving

ACCOUNT = "AC" + "0" * 32
SINCE = datetime(2026, 11, 24, 10, 0, 0, 700_000, tzinfo=UTC)
LIST = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
Part = tuple[Listed, ...] | Unanswered
Read = Callable[[Server], list[Part]]


@pytest.fixture
def read() -> Iterator[Read]:
    """Reads the list, and asks once more where a page may come yet."""
    gateways: list[Gateway] = []

    def all_parts(server: Server) -> list[Part]:
        settings = load(
            {
                "DATABASE_URL": "postgresql://localhost/x",
                "TWILIO_ACCOUNT_SID": ACCOUNT,
                "TWILIO_AUTH_TOKEN": "secret",
                "TWILIO_FROM": "+15005550006",
                "TWILIO_API_BASE_URL": server.url,
            }
        )
        gateways.append(Gateway(settings))
        return list(history.pages(gateways[-1]._ask, SINCE, pauses=(0.0,)))

    yield all_parts
    for gateway in gateways:
        gateway.close()


def record(number: int, *, seconds: float = 1, **changes: object) -> dict[str, object]:
    """A message created so many seconds after SINCE's whole second."""
    created = SINCE.replace(microsecond=0) + timedelta(seconds=seconds)
    return {
        "sid": f"SM{number:032x}",
        "to": "+15551230000",
        "from": "+15005550006",
        "body": "Hello",
        "status": "sent",
        "direction": "outbound-api",
        "date_created": created.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    } | changes


def page(*records: dict[str, object], following: str | None = None) -> Act:
    return answer(http(200, json.dumps({"messages": records, "next_page_uri": following})))


def error(status: int, code: int | None = None) -> Act:
    return answer(http(status, json.dumps({"code": code, "message": "no", "status": status})))


def numbers(parts: list[Part]) -> list[list[int]]:
    assert not any(isinstance(part, Unanswered) for part in parts), parts
    return [[int(one.sid[2:], 16) for one in part] for part in parts if isinstance(part, tuple)]


def asked(server: Server) -> list[str]:
    return [request.split(b" ")[1].decode().removeprefix(LIST) for request in server.requests]


def test_the_list_is_read_by_newness_and_by_the_day_of_sending(read: Read) -> None:
    with serving(page(record(1)), page(record(1), record(2))) as server:
        assert [[1], [1, 2]] == numbers(read(server))
    assert ["?PageSize=500", "?DateSent%3E=2026-11-24&PageSize=500"] == asked(server)


def test_what_came_in_and_what_is_older_is_left_out(read: Read) -> None:
    listed = page(
        record(1, direction="inbound"),
        record(2, seconds=0),
        record(3, seconds=-1),
        record(4, date_created=None),
    )
    with serving(listed, page()) as server:
        assert [[2, 4], []] == numbers(read(server))


def test_the_newest_are_read_until_all_of_a_page_was_sent_long_ago(read: Read) -> None:
    script = (
        page(record(1), following=f"{LIST}?Page=1"),
        page(record(2, seconds=-1, status="scheduled"), following=f"{LIST}?Page=2"),
        page(record(3), record(4, seconds=-9), following=f"{LIST}?Page=3"),
        page(record(5, seconds=-9), following=f"{LIST}?Page=4"),
        page(),
    )
    with serving(*script) as server:
        assert [[1], [], [3], [], []] == numbers(read(server))
    assert ["?PageSize=500", "?Page=1", "?Page=2", "?Page=3"] == asked(server)[:4]
    assert 5 == len(server.requests)


def test_what_was_sent_since_that_day_is_read_to_the_end(read: Read) -> None:
    script = (
        page(),
        page(record(1, seconds=-60), following=f"{LIST}?DateSent%3E=2026-11-24&Page=1"),
        page(record(2)),
    )
    with serving(*script) as server:
        assert [[], [], [2]] == numbers(read(server))


@pytest.mark.parametrize("trouble", [close, error(429, 20429), error(503), error(500, 20500)])
def test_a_page_that_does_not_come_is_asked_for_again(read: Read, trouble: Act) -> None:
    with serving(trouble, page(record(1)), page()) as server:
        assert [[1], []] == numbers(read(server))


@pytest.mark.parametrize(
    ("script", "requests"),
    [
        ((close, close), 2),
        ((error(503), error(503)), 2),
        ((error(401, 20003),), 1),
        ((answer(http(200, "<html>")),), 1),
        ((page(following="https://elsewhere.example/"),), 1),
        (
            (page(following=f"{LIST}?Page=1"), page(record(1), following=f"{LIST}?Page=1")),
            2,
        ),
    ],
)
def test_a_list_that_is_not_whole_ends_with_that(
    read: Read, script: tuple[Act, ...], requests: int
) -> None:
    with serving(*script) as server:
        parts = read(server)
    assert isinstance(parts[-1], Unanswered)
    assert requests == len(server.requests)
