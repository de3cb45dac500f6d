"""The HTTP client below the official package, against servers that misbehave in every stage."""

import asyncio
import contextlib
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from twilio.http.response import Response

from messaging.twilio.dial import Names, Origin, dial
from messaging.twilio.http import StagedHttpClient
from messaging.twilio.reply import Reply
from messaging.twilio.request import FormPost
from messaging.twilio.stages import PROGRESS, Failed, Progress, Stage
from tests.contract.gateway_server import (
    CERTIFICATE,
    Act,
    Server,
    Wire,
    answer,
    answer_and_close,
    be_silent,
    close,
    created,
    hold,
    http,
    reset,
    reset_at_first_byte,
    serving,
    stop_reading,
)

QUICK = 0.15
"""Seconds: a timeout that a test waits for."""
PATIENT = 10.0
MANY = 60
POST_HEAD = b"POST /x.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: "


def client(
    *,
    connect: float = PATIENT,
    read: float = PATIENT,
    in_flight: int = 10,
    longest_idle: float = PATIENT,
    tls: ssl.SSLContext | None = None,
) -> StagedHttpClient:
    return StagedHttpClient(
        connect_timeout=connect,
        read_timeout=read,
        in_flight=in_flight,
        longest_idle=longest_idle,
        tls=tls,
    )


async def post(
    http_client: StagedHttpClient,
    url: str,
    *,
    body: str = "Hello",
    write_before: float = math.inf,
) -> Response:
    PROGRESS.set(Progress(write_before=write_before))
    return await http_client.request("POST", f"{url}/x.json", data={"Body": body})


async def failure(http_client: StagedHttpClient, url: str, **how: float) -> Failed:
    """How a request failed, seen after the client has let go of everything."""
    with pytest.raises(Failed) as caught:
        await post(http_client, url, **how)  # type: ignore[arg-type]
    await http_client.close()
    return caught.value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.001)


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """A port that takes no more connections, because its backlog is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def has_ended(server: Server, connections: int) -> bool:
    return server.ended == connections


def closed_port() -> int:
    with socket.socket() as briefly:
        briefly.bind(("127.0.0.1", 0))
        return int(briefly.getsockname()[1])


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example"])
def test_a_name_that_does_not_resolve_fails_in_resolve(host: str) -> None:
    failed = asyncio.run(failure(client(connect=2), f"http://{host}"))
    assert failed.stage is Stage.RESOLVE


def test_a_refused_connection_fails_in_connect() -> None:
    failed = asyncio.run(failure(client(), f"http://127.0.0.1:{closed_port()}"))
    assert failed.stage is Stage.CONNECT


def test_a_connection_that_nobody_takes_fails_in_connect() -> None:
    with deaf_port() as port:
        failed = asyncio.run(failure(client(connect=QUICK), f"http://127.0.0.1:{port}"))
    assert failed.stage is Stage.CONNECT
    assert "within 0.15 s" in failed.reason


def test_a_certificate_that_nobody_signed_fails_in_tls() -> None:
    with serving(answer(created()), encrypted=True) as server:
        failed = asyncio.run(failure(client(), server.url))
    assert failed.stage is Stage.TLS
    assert "certificate" in failed.reason
    assert server.requests == []


def test_a_certificate_for_another_name_fails_in_tls() -> None:
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with serving(answer(created()), encrypted=True) as server:
        failed = asyncio.run(failure(client(tls=trusting), f"https://127.0.0.1:{server.port}"))
    assert failed.stage is Stage.TLS
    assert server.requests == []


@pytest.mark.parametrize("greeting", [close, reset_at_first_byte])
def test_a_connection_lost_during_the_handshake_fails_in_tls(greeting: Act) -> None:
    with serving(answer(created()), greeting=greeting) as server:
        failed = asyncio.run(failure(client(), f"https://localhost:{server.port}"))
    assert failed.stage is Stage.TLS


def test_a_handshake_without_an_end_fails_in_tls() -> None:
    with serving(answer(created()), greeting=be_silent) as server:
        failed = asyncio.run(failure(client(connect=QUICK), f"https://localhost:{server.port}"))
    assert failed.stage is Stage.TLS


def test_a_trusted_server_is_talked_to_over_tls() -> None:
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with serving(answer(created(7)), encrypted=True) as server:

        async def twice() -> list[int]:
            http_client = client(tls=trusting)
            answers = [await post(http_client, server.url) for _ in range(2)]
            await http_client.close()
            return [one.status_code for one in answers]

        assert asyncio.run(twice()) == [201, 201]
    assert server.connections == 1


def test_a_request_that_does_not_leave_fails_in_write() -> None:
    with serving(answer(created()), greeting=stop_reading) as server:
        failed = asyncio.run(failure(client(read=QUICK), server.url, body="x" * 20_000_000))  # type: ignore[arg-type]
    assert failed.stage is Stage.WRITE


HEAD = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize(
    "situation, act, stage, read",
    [
        ("reset after the request", reset, Stage.STATUS, PATIENT),
        ("end after the request", close, Stage.STATUS, PATIENT),
        ("no answer in time", be_silent, Stage.STATUS, QUICK),
        ("end within the status line", answer_and_close(HEAD[:10]), Stage.STATUS, PATIENT),
        ("end within the headers", answer_and_close(HEAD), Stage.STATUS, PATIENT),
        ("only interim answers", answer_and_close(http(100)[:-2]), Stage.STATUS, PATIENT),
        (
            "something that is not HTTP",
            answer(b"220 mail.example ESMTP\r\n"),
            Stage.STATUS,
            PATIENT,
        ),
        ("end after the headers", answer_and_close(HEAD + b"\r\n"), Stage.BODY, PATIENT),
        ("end within the body", answer_and_close(HEAD + b'\r\n{"sid": "SM'), Stage.BODY, PATIENT),
        ("a body that never ends", answer(HEAD + b"\r\n{"), Stage.BODY, 1.0),
        (
            "end within a chunk",
            answer_and_close(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            Stage.BODY,
            PATIENT,
        ),
        (
            "a chunk that is garbled",
            answer(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            Stage.BODY,
            PATIENT,
        ),
    ],
)
def test_a_failure_after_the_write_names_its_stage_and_repeats_nothing(
    situation: str, act: Act, stage: Stage, read: float
) -> None:
    with serving(act) as server:
        failed = asyncio.run(failure(client(read=read), server.url))
    assert stage is failed.stage, situation
    assert len(server.requests) == 1


def test_a_reset_at_the_first_byte_may_have_arrived() -> None:
    with serving(answer(created()), greeting=reset_at_first_byte) as server:
        failed = asyncio.run(failure(client(), server.url))
    assert failed.stage.may_have_arrived
    assert server.connections == 1


@pytest.mark.parametrize(
    "raw, status, text",
    [
        (created(), 201, created().partition(b"\r\n\r\n")[2].decode()),
        (http(204), 204, ""),
        (http(302, headers=["Location: http://elsewhere.invalid/"]), 302, ""),
        (http(500, "oh"), 500, "oh"),
        (http(200, "é"), 200, "é"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff", 200, "\ufffd"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + http(201, "{}"), 201, "{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200, "{}"),
    ],
)
def test_a_complete_answer_is_an_answer_whatever_its_status(
    raw: bytes, status: int, text: str
) -> None:
    with serving(answer(raw)) as server:

        async def ask() -> Response:
            http_client = client()
            response = await post(http_client, server.url)
            await http_client.close()
            return response

        response = asyncio.run(ask())
    assert (status, text) == (response.status_code, response.text)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    with serving(answer_and_close(b"HTTP/1.1 200 OK\r\n\r\n{}")) as server:
        response = asyncio.run(post(client(), server.url))
    assert response.text == "{}"


def test_the_request_is_written_as_the_package_means_it() -> None:
    with serving(answer(http(200))) as server:

        async def ask() -> None:
            http_client = client()
            await http_client.request(
                "post",
                f"{server.url}/a.json?x=1",
                params={"To": "+1"},
                data={"MediaUrl": ["https://a/1", "https://a/2"], "Body": "ö&="},
                headers={"X-Name": "Value"},
                auth=("AC1", "secret"),
            )
            await http_client.close()

        asyncio.run(ask())
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /a.json?x=1&To=%2B1 HTTP/1.1",
        f"Host: localhost:{server.port}".encode(),
        b"X-Name: Value",
        b"Authorization: Basic QUMxOnNlY3JldA==",
        f"Content-Length: {len(body)}".encode(),
    ]
    assert body == b"MediaUrl=https%3A%2F%2Fa%2F1&MediaUrl=https%3A%2F%2Fa%2F2&Body=%C3%B6%26%3D"


def test_json_is_written_where_the_package_asks_for_it() -> None:
    with serving(answer(http(200))) as server:

        async def ask() -> None:
            http_client = client()
            kind = {"Content-Type": "application/json"}
            await http_client.request("POST", server.url, data={"a": 1}, headers=kind)
            await http_client.close()

        asyncio.run(ask())
    assert server.requests[0].endswith(b'\r\n\r\n{"a": 1}')


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http:///x", "http://a/b c", "http://a/b\r\nX: y", "http://a/ö"]
)
def test_an_address_that_is_none_is_refused_before_anything_happens(url: str) -> None:
    async def ask() -> None:
        await client().request("GET", url)

    with pytest.raises(ValueError, match="address"):
        asyncio.run(ask())


def test_following_redirects_is_refused() -> None:
    async def ask() -> None:
        await client().request("GET", "http://localhost", allow_redirects=True)

    with pytest.raises(ValueError, match="redirect"):
        asyncio.run(ask())


async def _close_soon(wire: Wire) -> None:
    await wire.write(created())
    wire.close()


@pytest.mark.parametrize(
    "situation, act, connections",
    [
        ("a connection is used again", answer(created()), 1),
        ("unless the server asks not to", answer(http(200, headers=["Connection: close"])), 3),
        ("or says more than was asked", answer(http(200) + b"HTTP/1.1 200 OK\r\n"), 3),
        ("or closes it", _close_soon, 3),
        (
            "or HTTP/1.0 does not know how",
            answer(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
            3,
        ),
    ],
)
def test_connections_are_kept_alive(situation: str, act: Act, connections: int) -> None:
    with serving(act) as server:

        async def thrice() -> None:
            http_client = client()
            for number in range(1, 4):
                await post(http_client, server.url)
                await until(partial(has_ended, server, number if connections > 1 else 0))
            await http_client.close()

        asyncio.run(thrice())
    assert connections == server.connections, situation


def test_a_connection_is_not_kept_for_longer_than_it_may_idle() -> None:
    with serving(answer(created())) as server:

        async def twice() -> None:
            http_client = client(longest_idle=0)
            await post(http_client, server.url)
            await post(http_client, server.url)
            await http_client.close()

        asyncio.run(twice())
    assert server.connections == 2


def test_a_connection_that_ended_while_the_loop_was_busy_is_not_written_to() -> None:
    with serving(answer_and_close(created()), answer(created())) as server:

        async def twice() -> None:
            http_client = client()
            await post(http_client, server.url)
            limit = time.monotonic() + PATIENT
            while server.ended < 1 and time.monotonic() < limit:
                time.sleep(0.001)  # blocking: the loop must not see the end
            await post(http_client, server.url)
            await http_client.close()

        asyncio.run(twice())
    assert (server.connections, len(server.requests)) == (2, 2)


def test_a_connection_that_speaks_before_it_is_asked_is_not_written_to() -> None:
    with serving(answer(created()), greeting=answer(http(408))) as server:

        async def ask() -> None:
            origin = Origin(encrypted=False, host="localhost", port=server.port)
            progress = Progress()
            tls = ssl.create_default_context()
            connection = await dial(
                origin, tls=tls, timeout=PATIENT, progress=progress, names=Names()
            )
            await until(lambda: not connection.reusable)
            with pytest.raises(Failed) as caught:
                connection.exchange(
                    b"GET /", timeout=PATIENT, progress=progress, then=lambda _: None
                )
            assert caught.value.stage is Stage.CONNECT

        asyncio.run(ask())
    assert server.requests == []


def test_a_request_that_is_too_late_is_not_written() -> None:
    with serving(answer(created())) as server:
        failed = asyncio.run(failure(client(), server.url, write_before=time.monotonic()))
    assert failed.stage is Stage.DEADLINE
    assert server.requests == []


def test_a_connection_that_was_opened_too_late_serves_the_next_request() -> None:
    with serving(answer(created())) as server:

        async def twice() -> None:
            http_client = client()
            with pytest.raises(Failed):
                await post(http_client, server.url, write_before=time.monotonic())
            await post(http_client, server.url)
            await http_client.close()

        asyncio.run(twice())
    assert (server.connections, len(server.requests)) == (1, 1)


def test_no_more_requests_are_open_than_allowed_and_the_rest_wait_until_their_deadline() -> None:
    with serving(hold(created())) as server:

        async def ask() -> None:
            http_client = client(in_flight=2)
            async with asyncio.TaskGroup() as group:
                patient = [group.create_task(post(http_client, server.url)) for _ in range(3)]
                await until(lambda: len(server.requests) == 2)
                with pytest.raises(Failed, match="its turn") as caught:
                    await post(http_client, server.url, write_before=time.monotonic() + QUICK)
                assert caught.value.stage is Stage.DEADLINE
                assert (server.connections, len(server.requests)) == (2, 2)
                server.release()
            assert [task.result().status_code for task in patient] == [201] * 3
            await http_client.close()

        asyncio.run(ask())
    assert len(server.requests) == 3


def test_a_request_that_is_given_up_frees_its_place_and_its_connection() -> None:
    with serving(be_silent, answer(created())) as server:

        async def ask() -> None:
            http_client = client(in_flight=1)
            given_up = asyncio.create_task(post(http_client, server.url))
            await until(lambda: len(server.requests) == 1)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            response = await post(http_client, server.url)
            assert response.status_code == 201
            await http_client.close()

        asyncio.run(ask())
    assert server.connections == 2


def test_the_timeout_of_one_request_replaces_the_usual_one() -> None:
    with serving(be_silent) as server:

        async def ask() -> None:
            http_client = client()
            with pytest.raises(Failed, match=r"within 0\.15 s"):
                await http_client.request("GET", server.url, timeout=QUICK)

        asyncio.run(ask())


@pytest.mark.parametrize(("before", "timeout"), [(PATIENT, QUICK), (2 * QUICK, 3 * QUICK)])
def test_each_request_on_a_connection_has_a_time_of_its_own(before: float, timeout: float) -> None:
    """It begins with the request, however long the one before it was allowed to take."""
    with serving(answer(created()), be_silent) as server:

        async def ask() -> float:
            http_client = client()
            assert 201 == (await http_client.request("GET", server.url, timeout=before)).status_code
            began = time.monotonic()
            with pytest.raises(Failed, match=rf"within {timeout:g} s"):
                await http_client.request("GET", server.url, timeout=timeout)
            return time.monotonic() - began

        took = asyncio.run(ask())
    assert (1, 2) == (server.connections, len(server.requests))
    assert timeout <= took < PATIENT


def test_an_urgent_request_has_its_connection_before_others_of_a_burst() -> None:
    with serving(hold(created())) as server:

        async def burst() -> list[object]:
            http_client = client()
            origin = Origin(encrypted=False, host="localhost", port=server.port)
            repeated = FormPost(origin=origin, head=POST_HEAD)
            came: list[object] = []
            for n in range(MANY):
                http_client.post(repeated, {"Body": str(n)}, Progress(), came.append)
            http_client.post(repeated, {"Body": "urgent"}, Progress(), came.append, urgent=True)
            await until(lambda: len(server.requests) == MANY + 1)
            server.release()
            await until(lambda: len(came) == MANY + 1)
            await http_client.close()
            return came

        came = asyncio.run(burst())
    assert all(isinstance(one, Reply) for one in came)
    bodies = [request.rpartition(b"=")[2] for request in server.requests]
    assert bodies.index(b"urgent") < MANY / 2


def test_a_request_that_is_too_late_for_a_connection_that_became_free_is_answered() -> None:
    with serving(answer(created())) as server:

        async def late() -> list[object]:
            http_client = client()
            await post(http_client, server.url)
            origin = Origin(encrypted=False, host="localhost", port=server.port)
            repeated = FormPost(origin=origin, head=POST_HEAD)
            pool = http_client._pool(origin)
            busy = pool.take()
            assert busy is not None
            came: list[object] = []
            too_late = Progress(write_before=time.monotonic())
            http_client.post(repeated, {"Body": "late"}, too_late, came.append)
            http_client.post(repeated, {"Body": "next"}, Progress(), came.append)
            pool.put_back(busy)
            await until(lambda: len(came) == 2)
            await http_client.close()
            return came

        failed, reply = asyncio.run(late())
    assert isinstance(failed, Failed)
    assert failed.stage is Stage.DEADLINE
    assert isinstance(reply, Reply)
    assert (2, 1) == (len(server.requests), server.connections)
