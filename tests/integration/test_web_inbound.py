"""Texts to us over HTTP: signed, kept once, heeded, answered."""

from collections.abc import Iterator
from itertools import count
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.consent import Consent, last_word
from messaging.domain.erasure import Keyring
from messaging.domain.job import Phone
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import consent, erasure
from messaging.postgres.migrate import migrate
from messaging.steps.standing import standings
from tests.integration.story import insert, row
from tests.integration.web_server import PUBLIC, TOKEN, Answer, Web, headers, sign, web_process

INBOUND = "/api/twilio/inbound"
OURS = "+15005550006"
KEY = "k" * 32
_numbers = count(1)


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> str:
    """One database for all tests of this file: they share a web process too."""
    migrate(postgres.url)
    return postgres.url


@pytest.fixture(scope="module")
def web(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web_process(
        tmp_path_factory.mktemp("web"),
        DATABASE_URL=url,
        TWILIO_AUTH_TOKEN=TOKEN,
        PUBLIC_BASE_URL=PUBLIC,
        MESSAGING_KEYWORD_REPLIES="ours",
        MESSAGING_ERASURE_KEY=KEY,
        MESSAGING_KEYWORD_LANGUAGES="en,fr",
        MESSAGING_HELP_REPLY="Ask <us> & ours",
    ) as process:
        yield process


@pytest.fixture
def conn(url: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def phone() -> Phone:
    return Phone(f"+1415555{next(_numbers):04}")


def text(web: Web, phone: str, body: str, *, token: str = TOKEN, **more: str) -> Answer:
    form = {
        "MessageSid": f"SM{next(_numbers):032x}",
        "From": phone,
        "To": OURS,
        "Body": body,
        "NumMedia": "0",
        **more,
    }
    signature = sign(PUBLIC + INBOUND, list(form.items()), token)
    return web.post(INBOUND, urlencode(form).encode(), headers(signature))


def states(conn: Connection[TupleRow], phone: Phone) -> list[str | None]:
    return [chapter.state for chapter in consent.story(conn, phone) if chapter.kind == "consent"]


def test_a_stop_is_carried_out_before_it_is_answered(
    web: Web, conn: Connection[TupleRow], phone: Phone
) -> None:
    id = insert(conn, recipient_phone=phone)
    answer = text(web, phone, "Stop!")
    assert (200, True) == (answer.status, "unsubscribed" in answer.text)
    assert (["opted_out"], "suppressed") == (states(conn, phone), row(conn, id).status)


def test_a_start_takes_it_back(web: Web, conn: Connection[TupleRow], phone: Phone) -> None:
    text(web, phone, "ARRÊT")
    assert "subscribed again" in text(web, phone, "start").text
    assert ["opted_out", "opted_in"] == states(conn, phone)


def test_a_yes_is_a_consent_only_where_there_was_a_stop(
    web: Web, conn: Connection[TupleRow], phone: Phone
) -> None:
    text(web, phone, "yes")
    assert [] == states(conn, phone)
    text(web, phone, "stop")
    text(web, phone, "yes")
    assert ["opted_out", "opted_in"] == states(conn, phone)


def test_a_yes_takes_a_stop_back_that_is_kept_of_an_erased_number(
    web: Web, conn: Connection[TupleRow], phone: Phone
) -> None:
    keyring = Keyring.of(KEY)
    text(web, phone, "stop")
    id = erasure.begin(conn, keyring.whoms(phone), None)
    erasure.erase_consent(conn, id, phone, keyring.whoms(phone), keyring.keys[0])
    assert [] == states(conn, phone)
    text(web, phone, "yes")
    assert ["opted_in"] == states(conn, phone)
    assert Consent.OPTED_IN is last_word(standings(conn, [phone], keyring)[phone], "marketing")


def test_a_text_that_twilio_posts_twice_counts_once(
    web: Web, conn: Connection[TupleRow], phone: Phone
) -> None:
    sid = f"SM{'a' * 31}{next(_numbers) % 10}"
    for _ in range(2):
        assert 200 == text(web, phone, "STOP", MessageSid=sid).status
    assert ["opted_out"] == states(conn, phone)


def test_an_old_stop_that_is_posted_again_takes_no_start_back(
    web: Web, conn: Connection[TupleRow], phone: Phone
) -> None:
    sid = f"SM{'b' * 31}1"
    text(web, phone, "STOP", MessageSid=sid)
    text(web, phone, "START")
    text(web, phone, "STOP", MessageSid=sid)
    assert ["opted_out", "opted_in"] == states(conn, phone)


@pytest.mark.parametrize(
    ("body", "more", "answer"),
    [
        ("help", {}, "<Message>Ask &lt;us&gt; &amp; ours</Message>"),
        ("help", {"OptOutType": "HELP"}, "<Response></Response>"),
        ("STOP", {"OptOutType": "STOP"}, "<Response></Response>"),
        ("Thanks!", {}, "<Response></Response>"),
        ("", {"NumMedia": "1", "MediaUrl0": "https://x.example/1"}, "<Response></Response>"),
    ],
)
def test_keywords_are_answered_unless_twilio_did(
    web: Web, phone: Phone, body: str, more: dict[str, str], answer: str
) -> None:
    said = text(web, phone, body, **more)
    assert (200, True) == (said.status, answer in said.text)


def test_a_refusal_in_free_text_waits_for_a_person(
    web: Web, conn: Connection[TupleRow], phone: Phone
) -> None:
    text(web, phone, "Stop by at 5?")
    text(web, phone, "please stop texting me")
    waiting = [one for one in consent.unseen(conn, 100) if one.sender == phone]
    assert ["please stop texting me"] == [one.body for one in waiting]
    assert [] == states(conn, phone)
    assert (True, False) == (
        consent.see(conn, waiting[0].sid, "ann"),
        consent.see(conn, waiting[0].sid, "bob"),
    )


@pytest.mark.parametrize(
    ("status", "token", "more"),
    [
        (403, "x" * 32, {}),
        (400, TOKEN, {"MessageSid": "nonsense"}),
        (400, TOKEN, {"From": ""}),
        (400, TOKEN, {"From": "+1 415"}),
    ],
)
def test_what_is_no_text_or_not_from_twilio_is_refused_with_a_sentence(
    web: Web,
    conn: Connection[TupleRow],
    phone: Phone,
    status: int,
    token: str,
    more: dict[str, str],
) -> None:
    answer = text(web, phone, "STOP", token=token, **more)
    assert (status, True) == (answer.status, answer.text.startswith("This "))
    assert [] == consent.story(conn, phone)


def test_a_text_from_what_has_no_number_is_kept(web: Web, conn: Connection[TupleRow]) -> None:
    for sender in ("12345", "whatsapp:+14155550199"):
        assert 200 == text(web, sender, "STOP").status
    kept = conn.execute("select count(*) from messaging.inbound_messages where sender = '12345'")
    assert [(1,)] == kept.fetchall()


def test_strange_bodies_are_kept(web: Web, conn: Connection[TupleRow], phone: Phone) -> None:
    for body in ("\0stop\0", "x" * 9000, "🙏" * 500, "'; drop table x; --", "\u202estop"):
        assert 200 == text(web, phone, body).status
    assert 5 == len([one for one in consent.story(conn, phone) if one.kind == "inbound"])


def test_neither_number_nor_text_is_logged(web: Web, phone: Phone) -> None:
    text(web, phone, "STOP")
    text(web, phone, "a very private thing")
    log = web.log.read_text()
    assert ("number_stopped" in log, phone in log, "private" in log) == (True, False, False)
