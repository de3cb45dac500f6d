"""The simulator as a process of its own: start, stop, what it prints, what survives."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from twilio.rest import Client

from messaging.local.simulator import (
    DEFAULT_ACCOUNT_SID,
    DEFAULT_AUTH_TOKEN,
    DEFAULT_MESSAGING_SERVICE_SID,
    DEFAULT_NUMBER,
    Config,
    Kind,
    Rule,
    Simulator,
)
from messaging.local.simulator.__main__ import configure
from tests.contract.simulator_client import LIMIT, TO, client_of, eventually
from tests.contract.simulator_webhook import webhook


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulator process and the first line that it prints."""
    command = [sys.executable, "-m", "messaging.local.simulator", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        try:
            yield running, running.stderr.readline()
        finally:
            running.kill()


def client_at(line: str) -> Any:
    client = Client(DEFAULT_ACCOUNT_SID, DEFAULT_AUTH_TOKEN)  # type: ignore[no-untyped-call]
    client.api.base_url = line.split()[3].rstrip(",")
    return client


def send(client: Any, body: str, **fields: str) -> str:
    return str(client.messages.create(to=TO, from_=DEFAULT_NUMBER, body=body, **fields).sid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_when_told(number: signal.Signals) -> None:
    with process() as (running, line):
        assert line.startswith("Twilio simulator on http://127.0.0.1:")
        assert DEFAULT_ACCOUNT_SID in line
        assert send(client_at(line), "Hello")
        running.send_signal(number)
        assert (0, "") == (running.wait(LIMIT), running.stderr and running.stderr.read())


def test_it_stops_although_a_request_hangs() -> None:
    with process("--fault", '{"kind": "hang_after"}') as (running, line):
        address = line.split()[3].rstrip(",").removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1]))) as client:
            client.sendall(b"POST /2010-04-01/Accounts/x/Messages.json HTTP/1.1\r\n\r\n")
            running.terminate()
            assert 0 == running.wait(LIMIT)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with process("--port", port) as (running, line):
            assert 1 == running.wait(LIMIT)
            assert f"Cannot listen on 127.0.0.1:{port}" in line


def test_a_bad_option_is_named() -> None:
    with process("--latency-ms", "soon") as (running, line):
        assert 2 == running.wait(LIMIT)
        assert line.startswith("latency_ms: ")


def test_options_and_environment_make_a_configuration() -> None:
    account, token, service = "AC" + "1" * 32, "token", "MG" + "2" * 32
    arguments = ["--port=8011", "--seed=3", "--queued-ms", "1", "2", "--number=+15005550010"]
    arguments += ["--fault", '{"kind": "failed", "share": 0.1}', "--segments-per-second=1.5"]
    environment = {
        "TWILIO_ACCOUNT_SID": account,
        "TWILIO_AUTH_TOKEN": token,
        "TWILIO_MESSAGING_SERVICE_SID": service,
    }
    assert Config(
        port=8011,
        seed=3,
        account_sid=account,
        auth_token=token,
        messaging_services=(service,),
        numbers=("+15005550010",),
        queued_ms=(1, 2),
        segments_per_second=1.5,
        faults=(Rule(kind=Kind.FAILED, share=0.1),),
    ) == configure(arguments, environment)


def test_without_options_the_configuration_is_the_default() -> None:
    assert Config(port=8010) == configure([], {"TWILIO_ACCOUNT_SID": ""})


def test_an_account_sid_must_look_like_one() -> None:
    with pytest.raises(ValidationError, match="account_sid"):
        configure([], {"TWILIO_ACCOUNT_SID": "AC1"})


def test_default_sids_look_like_twilios() -> None:
    assert ("AC", "MG", {34}) == (
        DEFAULT_ACCOUNT_SID[:2],
        DEFAULT_MESSAGING_SERVICE_SID[:2],
        {len(DEFAULT_ACCOUNT_SID), len(DEFAULT_MESSAGING_SERVICE_SID)},
    )


def test_the_ledger_survives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "data" / "ledger.jsonl"
    slow = ("--ledger-file", str(file), "--queued-ms", "60000", "60000")
    with process(*slow) as (running, line):
        sids = [send(client_at(line), f"Text {number}") for number in range(3)]
        running.kill()
    with Simulator.running(Config(ledger_file=file, queued_ms=(0, 0))) as simulator:
        assert sids == [one.sid for one in simulator.ledger.messages]
        sids.append(send(client_of(simulator), "Text 3"))
        assert sids[::-1] == [one.sid for one in client_of(simulator).messages.list()]


def test_texts_under_way_go_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    with webhook() as hook:
        with Simulator.running(Config(ledger_file=file, queued_ms=(60_000, 60_000))) as simulator:
            send(client_of(simulator), "Hello", status_callback=hook.url)
        quick = Config(ledger_file=file, queued_ms=(0, 0), delivered_ms=(60_000, 60_000))
        with Simulator.running(quick) as simulator:
            hook.wait(lambda hooks: len(hooks) == 1)
        quick = Config(ledger_file=file, delivered_ms=(0, 0))
        with Simulator.running(quick) as simulator:
            hook.wait(lambda hooks: len(hooks) == 2)
            eventually(lambda: simulator.ledger.summary().unfinished == 0)
        assert ["sent", "delivered"] == hook.reported()


def test_a_scheduled_text_goes_out_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    now = datetime.now(UTC)
    with Simulator.running(Config(ledger_file=file)) as simulator:
        client_of(simulator).messages.create(
            to=TO,
            messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID,
            body="Later",
            schedule_type="fixed",
            send_at=now + timedelta(hours=1),
        )
    line = json.loads(file.read_text())
    soon = now + timedelta(milliseconds=300)
    file.write_text(json.dumps(line | {"send_at": soon.isoformat()}) + "\n")
    with Simulator.running(Config(ledger_file=file)) as simulator:
        assert "scheduled" == simulator.ledger.messages[0].status
        eventually(lambda: simulator.ledger.messages[0].status == "delivered")


def test_a_line_that_was_torn_by_a_kill_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    for number in range(2):
        with Simulator.running(Config(ledger_file=file)) as simulator:
            send(client_of(simulator), f"Text {number}")
        with file.open("ab") as torn:
            torn.write(b'{"sid": "SM')
    with Simulator.running(Config(ledger_file=file)) as simulator:
        assert ["Text 0", "Text 1"] == [one.body for one in simulator.ledger.messages]


def test_a_ledger_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text('{"sid": 1}\n')
    with process("--ledger-file", str(file)) as (running, line):
        assert 1 == running.wait(LIMIT)
        assert f"{file}, line 1" in line


def test_a_reset_empties_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    with Simulator.running(Config(ledger_file=file)) as simulator:
        send(client_of(simulator), "Hello")
        simulator.reset()
        assert 0 == file.stat().st_size


def test_it_serves_in_a_running_event_loop_too() -> None:
    assert b"HTTP/1.1 200 OK" == asyncio.run(_ask_within_a_loop())


async def _ask_within_a_loop() -> bytes:
    async with Simulator() as simulator:
        host, port = simulator.base_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /_simulator/health HTTP/1.1\r\n\r\n")
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return answer.strip()


def test_nothing_goes_on_after_it_was_stopped(tmp_path: Path) -> None:
    with webhook() as hook:
        asyncio.run(_send_and_stop(Config(ledger_file=tmp_path / "ledger.jsonl"), hook.url))
        assert [] == hook.hooks


async def _send_and_stop(config: Config, url: str) -> None:
    async with Simulator(config) as simulator:
        client = client_of(simulator)
        await asyncio.to_thread(send, client, "Hello", status_callback=url)
        (message,) = simulator.ledger.messages
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: problems.append(what))
    # Timers that were set before fire before this one.
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, later.set)
    await later.wait()
    assert ("queued", []) == (message.status, problems)


def test_a_simulator_that_cannot_listen_leaves_nothing_open(tmp_path: Path) -> None:
    with Simulator.running() as simulator:
        port = int(simulator.base_url.rpartition(":")[2])
        config = Config(port=port, ledger_file=tmp_path / "ledger.jsonl")
        with pytest.raises(OSError, match=str(port)), Simulator.running(config):
            pass
