"""The simulator's Messages API, as the twilio package sees it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from messaging.local.simulator import (
    DEFAULT_API_KEY,
    DEFAULT_API_SECRET,
    DEFAULT_MESSAGING_SERVICE_SID,
    DEFAULT_NUMBER,
    Config,
    Simulator,
)
from tests.contract.simulator_client import TO, client_of, eventually


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.running(Config(queued_ms=(0, 0), delivered_ms=(0, 0))) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Any:
    return client_of(simulator)


def send(client: Any, body: str = "Hello", to: str = TO) -> str:
    return str(client.messages.create(to=to, from_=DEFAULT_NUMBER, body=body).sid)


def send_later(client: Any) -> str:
    at = datetime.now(UTC) + timedelta(hours=1)
    message = client.messages.create(
        to=TO,
        messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID,
        body="Later",
        schedule_type="fixed",
        send_at=at,
    )
    assert message.status == "scheduled"
    return str(message.sid)


def code_of(error: pytest.ExceptionInfo[TwilioRestException]) -> tuple[int, int | None]:
    return error.value.status, error.value.code


def test_a_text_from_a_number_is_queued(client: Any) -> None:
    message = client.messages.create(to=TO, from_=DEFAULT_NUMBER, body="Hello")
    assert ("queued", "Hello", DEFAULT_NUMBER, TO, "outbound-api", "1", "0", None) == (
        message.status,
        message.body,
        message.from_,
        message.to,
        message.direction,
        message.num_segments,
        message.num_media,
        message.date_sent,
    )


def test_a_text_from_a_messaging_service_is_accepted_without_a_sender(client: Any) -> None:
    message = client.messages.create(
        to=TO, messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID, body="Hello"
    )
    assert ("accepted", None, "0") == (message.status, message.from_, message.num_segments)


def test_a_text_is_fetched_as_it_stands(client: Any) -> None:
    sid = client.messages.create(
        to=TO, messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID, body="Hello"
    ).sid
    eventually(lambda: client.messages(sid).fetch().status == "delivered")
    message = client.messages(sid).fetch()
    assert (DEFAULT_NUMBER, "1", "-0.00790", True) == (
        message.from_,
        message.num_segments,
        message.price,
        message.date_sent is not None,
    )


@pytest.mark.parametrize(
    "body, parts",
    [
        ("a" * 160, "1"),
        ("a" * 161, "2"),
        ("€" * 80, "1"),
        ("€" * 81, "2"),
        ("’" * 70, "1"),
        ("’" * 71, "2"),
        ("a" * 152 + "€" + "a" * 152, "3"),
    ],
)
def test_segments_are_counted_by_alphabet(client: Any, body: str, parts: str) -> None:
    message = client.messages.create(to=TO, from_=DEFAULT_NUMBER, body=body)
    assert parts == message.num_segments


def test_smart_encoding_replaces_what_would_cost_more(client: Any) -> None:
    message = client.messages.create(
        to=TO, from_=DEFAULT_NUMBER, body="It’s" + "a" * 150, smart_encoded=True
    )
    assert ("It's" + "a" * 150, "1") == (message.body, message.num_segments)


def test_media_makes_an_mms(client: Any) -> None:
    urls = ["https://example.com/1.jpg", "https://example.com/2.jpg"]
    message = client.messages.create(to=TO, from_=DEFAULT_NUMBER, media_url=urls)
    assert ("MM", "2", 2) == (message.sid[:2], message.num_media, len(message.media.list()))


def test_spaces_and_dashes_in_a_number_do_not_matter(client: Any) -> None:
    message = client.messages.create(to="+1 (555) 123-0001", from_=DEFAULT_NUMBER, body="Hello")
    assert TO == message.to


def test_a_content_template_shows_as_its_sid_and_variables(client: Any) -> None:
    content = "HX" + "0" * 32
    message = client.messages.create(
        to=TO,
        messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID,
        content_sid=content,
        content_variables='{"1": "Ann"}',
    )
    assert f'{content} {{"1": "Ann"}}' == message.body


def test_the_list_shows_the_newest_first(client: Any) -> None:
    sids = [send(client, f"Text {number}") for number in range(3)]
    assert sids[::-1] == [one.sid for one in client.messages.list()]


def test_the_list_goes_on_over_all_pages(client: Any) -> None:
    sids = [send(client, f"Text {number}") for number in range(7)]
    assert sids[::-1] == [one.sid for one in client.messages.list(page_size=3)]


def test_pages_do_not_shift_when_new_texts_arrive(client: Any) -> None:
    sids = [send(client, f"Text {number}") for number in range(4)]
    page = client.messages.page(page_size=2)
    send(client, "A new one")
    following = page.next_page()
    assert following is not None
    assert sids[1::-1] == [one.sid for one in following]
    before = following.previous_page()
    assert before is not None
    assert sids[:1:-1] == [one.sid for one in before]


def test_a_last_page_names_no_next_one(client: Any) -> None:
    send(client)
    assert client.messages.page(page_size=1).next_page() is None


def test_the_list_is_filtered_by_recipient_and_sender(client: Any) -> None:
    wanted = send(client, to="+15551230002")
    send(client)
    client.messages.create(to="+15551230002", from_="+15005550010", body="Another sender")
    found = client.messages.list(to="+15551230002", from_=DEFAULT_NUMBER)
    assert [wanted] == [one.sid for one in found]


@pytest.mark.parametrize(
    "name, days, found",
    [
        ("date_sent", 0, True),
        ("date_sent", -1, False),
        ("date_sent_after", 0, True),
        ("date_sent_after", 1, False),
        ("date_sent_before", 0, True),
        ("date_sent_before", -1, False),
    ],
)
def test_the_list_is_filtered_by_the_day_of_sending(
    client: Any, name: str, days: int, found: bool
) -> None:
    sid = send(client)
    eventually(lambda: client.messages(sid).fetch().date_sent)
    sent = client.messages(sid).fetch().date_sent
    day = sent.date() + timedelta(days=days)
    assert found == bool(client.messages.list(**{name: day.isoformat()}))


def test_a_date_with_a_time_is_compared_to_the_second(client: Any) -> None:
    sid = send(client)
    eventually(lambda: client.messages(sid).fetch().date_sent)
    sent = client.messages(sid).fetch().date_sent
    second = timedelta(seconds=1)
    assert [1, 0] == [
        len(client.messages.list(date_sent_after=sent)),
        len(client.messages.list(date_sent_after=sent + second)),
    ]


def test_a_text_that_was_not_sent_has_no_date_to_be_found_by(client: Any) -> None:
    send_later(client)
    today = datetime.now(UTC).date()
    assert [] == client.messages.list(date_sent_after=today - timedelta(days=1))


def test_a_scheduled_text_can_be_canceled(client: Any) -> None:
    sid = send_later(client)
    assert "canceled" == client.messages(sid).update(status="canceled").status


def test_a_text_that_is_not_scheduled_cannot_be_canceled(client: Any) -> None:
    sid = send(client)
    with pytest.raises(TwilioRestException) as error:
        client.messages(sid).update(status="canceled")
    assert (409, 30409) == code_of(error)


def test_a_complete_text_is_redacted(simulator: Simulator, client: Any) -> None:
    sid = send(client, "My secret")
    eventually(lambda: client.messages(sid).fetch().status == "delivered")
    assert "" == client.messages(sid).update(body="").body
    assert "My secret" == simulator.ledger.messages[0].body


def test_a_text_under_way_is_neither_redacted_nor_deleted(client: Any) -> None:
    sid = send_later(client)
    with pytest.raises(TwilioRestException) as error:
        client.messages(sid).update(body="")
    assert (409, 20009) == code_of(error)
    with pytest.raises(TwilioRestException) as error:
        client.messages(sid).delete()
    assert (409, 20009) == code_of(error)


@pytest.mark.parametrize("change", [{}, {"body": "New"}, {"status": "sent"}])
def test_no_other_change_is_taken(client: Any, change: dict[str, str]) -> None:
    sid = send(client)
    with pytest.raises(TwilioRestException) as error:
        client.messages(sid).update(**change)
    assert (400, 30400) == code_of(error)


def test_a_deleted_text_is_gone_from_the_api_but_not_from_the_ledger(
    simulator: Simulator, client: Any
) -> None:
    sid = send(client)
    eventually(lambda: client.messages(sid).fetch().status == "delivered")
    assert client.messages(sid).delete()
    with pytest.raises(TwilioRestException) as error:
        client.messages(sid).fetch()
    assert (404, 20404) == code_of(error)
    assert [] == client.messages.list()
    assert [sid] == [one.sid for one in simulator.ledger.messages]


def test_the_account_can_be_fetched(simulator: Simulator, client: Any) -> None:
    account = client.api.v2010.accounts(simulator.config.account_sid).fetch()
    assert "active" == account.status


def test_the_messaging_service_can_be_fetched(simulator: Simulator, client: Any) -> None:
    found = client.messaging.v1.services(DEFAULT_MESSAGING_SERVICE_SID).fetch()
    assert simulator.config.account_sid == found.account_sid


def test_another_messaging_service_does_not_exist(client: Any) -> None:
    with pytest.raises(TwilioRestException) as error:
        client.messaging.v1.services("MG" + "0" * 32).fetch()
    assert (404, 20404) == code_of(error)


@pytest.mark.parametrize("number, found", [(DEFAULT_NUMBER, 1), ("+15005550010", 0)])
def test_the_account_knows_its_numbers(client: Any, number: str, found: int) -> None:
    assert found == len(client.incoming_phone_numbers.list(phone_number=number))


def test_an_api_key_is_as_good_as_the_auth_token(simulator: Simulator) -> None:
    assert send(client_of(simulator, key=(DEFAULT_API_KEY, DEFAULT_API_SECRET)))


@pytest.mark.parametrize("account", [None, "AC" + "0" * 32])
def test_wrong_credentials_and_other_accounts_are_refused(
    simulator: Simulator, account: str | None
) -> None:
    own = simulator.config
    token = own.auth_token if account else "wrong"
    with pytest.raises(TwilioRestException) as error:
        send(client_of(simulator, key=(own.account_sid, token), account=account))
    assert (401, 20003) == code_of(error)
