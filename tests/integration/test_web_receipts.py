"""Status callbacks over HTTP: signatures, garbage, repeats, disorder, races."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.receipt import RANK
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.postgres.migrate import migrate
from tests.integration.web_server import (
    FORM,
    PUBLIC,
    STATUS,
    Web,
    headers,
    sign,
    web_process,
)

Form = list[tuple[str, str]]
SECOND_TOKEN = "b" * 32
PHONE = "+14155552671"
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
        TWILIO_AUTH_TOKEN="a" * 32,
        TWILIO_AUTH_TOKEN_SECONDARY=SECOND_TOKEN,
        PUBLIC_BASE_URL=PUBLIC,
    ) as process:
        yield process


@pytest.fixture
def conn(url: str) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sid() -> str:
    return f"SM{next(_numbers):032x}"


def receipt(sid: str, status: str, **more: str) -> Form:
    return [
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("MessageStatus", status),
        ("SmsStatus", status),
        ("To", PHONE),
        ("From", "+15005550006"),
        ("AccountSid", "AC" + "0" * 32),
        ("ApiVersion", "2010-04-01"),
        *more.items(),
    ]


def processing_job(conn: Connection[TupleRow]) -> UUID:
    """A job that a worker has claimed and not settled."""
    row = conn.execute(
        "insert into public.message_jobs (recipient_phone, message_content) values (%s, 'Hi')"
        " returning id",
        [PHONE],
    ).fetchone()
    assert row is not None
    conn.execute(
        "update public.message_jobs set status = 'processing', attempt = 1 where id = %s", [row[0]]
    )
    return UUID(str(row[0]))


def sent_job(conn: Connection[TupleRow], sid: str) -> UUID:
    job_id = processing_job(conn)
    conn.execute(
        "update public.message_jobs set status = 'sent', twilio_sid = %s,"
        " delivery_status = 'queued' where id = %s",
        [sid, job_id],
    )
    return job_id


def standing(conn: Connection[TupleRow], job_id: UUID) -> TupleRow | None:
    return conn.execute(
        "select status, twilio_sid, delivery_status from public.message_jobs where id = %s",
        [job_id],
    ).fetchone()


def journal(conn: Connection[TupleRow], sid: str) -> list[TupleRow]:
    return conn.execute(
        "select delivery_status, job_id, attempt from messaging.message_events"
        " where twilio_sid = %s and kind = 'receipt' order by id",
        [sid],
    ).fetchall()


def test_a_signed_callback_moves_its_job(web: Web, conn: Connection[TupleRow], sid: str) -> None:
    job_id = sent_job(conn, sid)
    answer = web.call_back(receipt(sid, "delivered"), f"job={job_id}&attempt=1")
    assert (204, "") == (answer.status, answer.text)
    assert ("sent", sid, "delivered") == standing(conn, job_id)
    assert [("delivered", job_id, 1)] == journal(conn, sid)


def test_a_receipt_before_our_own_commit_settles_the_job(
    web: Web, conn: Connection[TupleRow], sid: str
) -> None:
    job_id = processing_job(conn)
    assert web.call_back(receipt(sid, "sent"), f"job={job_id}&attempt=1").status == 204
    assert ("sent", sid, "sent") == standing(conn, job_id)


def test_a_receipt_that_meets_our_commit_under_way_waits_for_it(
    web: Web, url: str, conn: Connection[TupleRow], sid: str
) -> None:
    job_id = processing_job(conn)
    with ThreadPoolExecutor(1) as other, psycopg.connect(url) as worker:
        worker.execute(
            "update public.message_jobs set status = 'sent', twilio_sid = %s,"
            " delivery_status = 'queued' where id = %s",
            [sid, job_id],
        )
        answer = other.submit(web.call_back, receipt(sid, "delivered"), f"job={job_id}&attempt=1")
        waits = "select from pg_locks where not granted"
        assert wait_until(lambda: conn.execute(waits).fetchone() is not None, limit=5)
        worker.commit()
        assert answer.result(5).status == 204
    assert ("sent", sid, "delivered") == standing(conn, job_id)


def test_callbacks_may_come_twice_and_in_any_order(
    web: Web, conn: Connection[TupleRow], sid: str
) -> None:
    job_id = sent_job(conn, sid)
    words = ["delivered", "sent", "sending", "delivered", "sent"]
    answers = [web.call_back(receipt(sid, word), f"job={job_id}&attempt=1") for word in words]
    assert [204] * 5 == [answer.status for answer in answers]
    assert ("sent", sid, "delivered") == standing(conn, job_id)
    assert ["delivered", "sent", "sending"] == [line[0] for line in journal(conn, sid)]


def test_a_replayed_request_changes_nothing(web: Web, conn: Connection[TupleRow], sid: str) -> None:
    job_id = sent_job(conn, sid)
    form, query = receipt(sid, "delivered"), f"job={job_id}&attempt=1"
    assert web.call_back(form, query).status == 204
    before = conn.execute("select updated_at from message_jobs where id = %s", [job_id]).fetchone()
    assert web.call_back(form, query).status == 204
    after = conn.execute("select updated_at from message_jobs where id = %s", [job_id]).fetchone()
    assert before == after
    assert [("delivered", job_id, 1)] == journal(conn, sid)


def test_the_database_ranks_twilios_words_as_the_domain_does(conn: Connection[TupleRow]) -> None:
    words = [*RANK, "teleported"]
    rows = conn.execute(
        "select messaging.delivery_rank(word)"
        " from unnest(%s::text[]) with ordinality as given (word, n) order by n",
        [words],
    ).fetchall()
    assert [RANK.get(word, 0) for word in words] == [rank for (rank,) in rows]


def test_an_error_code_is_kept(web: Web, conn: Connection[TupleRow], sid: str) -> None:
    job_id = sent_job(conn, sid)
    assert web.call_back(receipt(sid, "undelivered", ErrorCode="30005")).status == 204
    row = conn.execute("select error_code from message_jobs where id = %s", [job_id]).fetchone()
    assert (30005,) == row
    number = conn.execute("delete from messaging.dead_numbers returning phone").fetchone()
    assert (PHONE,) == number


def test_a_receipt_that_fits_no_job_is_kept(web: Web, conn: Connection[TupleRow], sid: str) -> None:
    assert web.call_back(receipt(sid, "sent"), f"job={uuid4()}&attempt=1").status == 204
    assert [("sent", None, 1)] == journal(conn, sid)


@pytest.mark.parametrize("query", ["job=nonsense&attempt=x", "job=&attempt=", "other=1", ""])
def test_a_receipt_with_an_unreadable_query_is_kept_by_its_sid(
    web: Web, conn: Connection[TupleRow], sid: str, query: str
) -> None:
    job_id = sent_job(conn, sid)
    assert web.call_back(receipt(sid, "delivered"), query).status == 204
    assert [("delivered", job_id, None)] == journal(conn, sid)


def test_the_second_token_signs_too(web: Web, sid: str) -> None:
    assert web.call_back(receipt(sid, "sent"), token=SECOND_TOKEN).status == 204


NOT_SIGNED = (403, "This request was not signed by Twilio for this address.")


@pytest.mark.parametrize(
    "signed_url, signed_status, token",
    [
        (f"{PUBLIC}{STATUS}", "sent", "c" * 32),
        (f"{PUBLIC}{STATUS}", "delivered", "a" * 32),
        (f"https://other.example.com{STATUS}", "sent", "a" * 32),
        (f"{PUBLIC}{STATUS}?job=1", "sent", "a" * 32),
    ],
    ids=["another token", "another body", "another host", "another query"],
)
def test_a_wrong_signature_is_refused_and_leaves_no_trace(
    web: Web,
    conn: Connection[TupleRow],
    sid: str,
    signed_url: str,
    signed_status: str,
    token: str,
) -> None:
    signature = sign(signed_url, receipt(sid, signed_status), token)
    body = urlencode(receipt(sid, "sent")).encode()
    answer = web.post(STATUS, body, headers(signature))
    assert (answer.status, answer.text) == NOT_SIGNED
    assert [] == journal(conn, sid)


@pytest.mark.parametrize(
    "body, sent_headers",
    [
        (b"", {}),
        (b"MessageSid=SM1&MessageStatus=sent", {"Content-Type": FORM}),
        (b"MessageSid=SM1&MessageStatus=sent", {"Content-Type": FORM, "X-Twilio-Signature": ""}),
        (b"\xff\xfe\x00", {"Content-Type": FORM, "X-Twilio-Signature": "\xff"}),
        (b"{}", {"Content-Type": "application/json", "X-Twilio-Signature": "x"}),
        (b"a=1&" * 300, {"Content-Type": FORM, "X-Twilio-Signature": "x"}),
    ],
)
def test_an_unsigned_request_is_refused(
    web: Web, body: bytes, sent_headers: dict[str, str]
) -> None:
    answer = web.post(STATUS, body, sent_headers)
    assert (answer.status, answer.text) == NOT_SIGNED


@pytest.mark.parametrize(
    "form, sentence",
    [
        ([], "MessageSid must be SM or MM and 32 hex digits."),
        ([("Body", "Hi"), ("From", PHONE)], "MessageSid must be SM or MM and 32 hex digits."),
        ([("MessageSid", "SM" + "0" * 32)], "MessageStatus must be one of Twilio's words."),
    ],
)
def test_a_signed_body_that_is_no_callback_is_refused(web: Web, form: Form, sentence: str) -> None:
    answer = web.call_back(form)
    assert answer.status == 400
    assert f"This is no status callback: {sentence}" == answer.text


@pytest.mark.parametrize(
    "told",
    [
        {"Host": "other.example.com"},
        {"X-Forwarded-Host": "other.example.com", "X-Forwarded-Proto": "http"},
        {"Forwarded": "host=other.example.com"},
        {"X-Original-URL": "/other", "X-HTTP-Method-Override": "GET"},
    ],
    ids=["host", "forwarded", "forwarded too", "another address"],
)
def test_what_a_request_says_of_its_address_counts_for_nothing(
    web: Web, conn: Connection[TupleRow], sid: str, told: dict[str, str]
) -> None:
    """Neither can it make a signature for another address good, nor one for ours bad."""
    body = urlencode(receipt(sid, "sent")).encode()
    elsewhere = sign(f"http://other.example.com{STATUS}", receipt(sid, "sent"))
    assert 403 == web.post(STATUS, body, headers(elsewhere) | told).status
    assert [] == journal(conn, sid)
    ours = sign(PUBLIC + STATUS, receipt(sid, "sent"))
    assert 204 == web.post(STATUS, body, headers(ours) | told).status


def test_what_was_signed_for_one_address_is_no_callback_at_another(
    web: Web, conn: Connection[TupleRow], sid: str
) -> None:
    body = urlencode(receipt(sid, "sent")).encode()
    inbound = sign(f"{PUBLIC}/api/twilio/inbound", receipt(sid, "sent"))
    assert 403 == web.post(STATUS, body, headers(inbound)).status
    assert [] == journal(conn, sid)


def test_a_field_that_comes_twice_is_signed_as_it_came(
    web: Web, conn: Connection[TupleRow], sid: str
) -> None:
    """Whoever adds a field to what Twilio signed has signed nothing."""
    body = urlencode([*receipt(sid, "sent"), ("MessageStatus", "delivered")]).encode()
    assert (
        403 == web.post(STATUS, body, headers(sign(PUBLIC + STATUS, receipt(sid, "sent")))).status
    )
    assert [] == journal(conn, sid)


def test_a_receipt_that_names_another_job_is_of_its_sids(
    web: Web, conn: Connection[TupleRow], sid: str
) -> None:
    """A job that has a SID of its own learns nothing of another's."""
    job_id = sent_job(conn, sid)
    other = sent_job(conn, "SM" + "e" * 24 + sid[-8:])
    assert 204 == web.call_back(receipt(sid, "failed"), f"job={other}&attempt=1").status
    assert [("failed", job_id)] == [row[:2] for row in journal(conn, sid)]
    rows = conn.execute("select delivery_status from message_jobs where id = %s", [other])
    assert "failed" not in [status for (status,) in rows]


def test_a_large_body_is_refused(web: Web) -> None:
    assert web.post(STATUS, b"x" * (64 * 1024 + 1), {"Content-Type": FORM}).status == 413


def test_only_post_is_answered(web: Web) -> None:
    assert web.get(STATUS).status == 405


def test_callbacks_that_come_together_are_all_recorded(
    web: Web, conn: Connection[TupleRow]
) -> None:
    sids = [f"SM{next(_numbers):032x}" for _ in range(300)]
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda sid: web.call_back(receipt(sid, "sent")), sids))
    assert {204} == {answer.status for answer in answers}
    row = conn.execute(
        "select count(*) from messaging.message_events where twilio_sid = any(%s)", [sids]
    ).fetchone()
    assert (300,) == row


def test_what_became_of_callbacks_is_counted(
    web: Web, conn: Connection[TupleRow], sid: str
) -> None:
    before = counted(web)
    job_id = sent_job(conn, sid)
    web.call_back(receipt(sid, "sent"), f"job={job_id}&attempt=1")
    web.call_back(receipt(sid, "sent"), f"job={job_id}&attempt=1")
    web.call_back(receipt(sid[:-4] + "ffff", "sent"))
    web.call_back(receipt(sid, "sent"), token="c" * 32)
    after = counted(web)
    grown = {result: after[result] - before[result] for result in after}
    expected = {"matched": 1.0, "repeated": 1.0, "orphaned": 1.0, "refused": 1.0, "lost": 0.0}
    assert expected == grown


def counted(web: Web) -> dict[str, float]:
    found = re.findall(
        r'^messaging_receipts_total\{result="(\w+)"\} (\S+)$', web.get("/metrics").text, re.M
    )
    return {result: float(value) for result, value in found}


def test_no_log_line_has_a_phone_number(web: Web, sid: str) -> None:
    web.call_back(receipt(sid, "sent"))
    web.call_back([("To", PHONE)])
    web.post(f"{STATUS}?to={PHONE}", b"To=%2B14155552671", headers("x"))
    log = web.log.read_text()
    assert "callback_refused" in log
    assert "receipt_recorded" in log
    assert "4155552671" not in log


def test_a_proxy_may_give_the_callback_another_path(url: str, tmp_path: Path, sid: str) -> None:
    outside = "https://edge.example.com/hooks/twilio"
    with web_process(
        tmp_path,
        DATABASE_URL=url,
        TWILIO_AUTH_TOKEN="a" * 32,
        TWILIO_STATUS_CALLBACK_URL=f"{outside}#rc=5",
    ) as web:
        form = receipt(sid, "sent")
        signature = sign(f"{outside}?attempt=1", form)
        answer = web.post(f"{STATUS}?attempt=1", urlencode(form).encode(), headers(signature))
    assert answer.status == 204
