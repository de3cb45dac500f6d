"""`messaging up` while it runs: what it says is true."""

import re
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from messaging.local.ports import LOOPBACK
from messaging.local.process import wait_until
from tests.acceptance.up import LIMIT, Up, started

SENDS = """
from messaging import Draft, Messaging

with Messaging() as messaging:
    print(messaging.enqueue(Draft(to="+12025550123", body="From another terminal.")))
"""


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="messaging-test-") as folder:
        Path(folder).chmod(0o711)
        with usual_port_taken(), started(Path(folder, "data"), "flower", port=0) as running:
            running.wait_for(r"(First message delivered)")
            yield running


@contextmanager
def usual_port_taken() -> Iterator[None]:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else has it already, which does as well
            stranger.bind((LOOPBACK, 8000))
            stranger.listen()
        yield


def status_of(url: str, login: str | None = None) -> int:
    request = urllib.request.Request(url)
    if login:
        request.add_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def psql(up: Up, query: str) -> str:
    command = [str(up.data / "psql"), "-Atc", query]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def test_the_time_to_the_first_message_is_said(up: Up) -> None:
    assert float(up.wait_for(r"First message delivered (\d+\.\d) s after the start\.")) > 0


def test_a_taken_port_is_passed_over_and_said(up: Up) -> None:
    chosen = up.wait_for(r"Port 8000 is taken, so web is on (\d+)\.")
    assert up.wait_for(r"web +(http://\S+)").endswith(f":{chosen}")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_the_web_process_answers_at_the_printed_address(up: Up, path: str) -> None:
    assert status_of(up.wait_for(r"web +(http://\S+)") + path) == 200


def test_the_ledger_is_at_the_printed_address(up: Up) -> None:
    assert status_of(up.wait_for(r"simulator +(http://\S+)")) == 200


def test_flower_wants_the_printed_login(up: Up) -> None:
    url = up.wait_for(r"Flower +(http://\S+)")
    login = "messaging:" + up.wait_for(r"password (\S+)")
    assert wait_until(lambda: status_of(url, login) == 200, limit=LIMIT)
    assert status_of(url) == 401


def test_the_printed_psql_opens_the_database(up: Up) -> None:
    assert psql(up, "select delivery_status from message_jobs limit 1") == "delivered"


def test_another_terminal_sends_with_the_printed_environment(up: Up) -> None:
    script = f'. {up.data}/env && exec "$0" -c "$1"'
    command = ["sh", "-c", script, sys.executable, SENDS]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env={})
    query = f"select delivery_status from message_jobs where id = '{done.stdout.strip()}'"
    assert wait_until(lambda: psql(up, query) == "delivered", limit=LIMIT)


def test_no_secret_is_in_anybodys_arguments(up: Up) -> None:
    environment = (up.data / "env").read_text()
    secrets = re.findall(r":([\w-]{20,})@", environment)
    secrets.append((up.data / "flower-password").read_text().strip())
    pids = ",".join(map(str, up.family()))
    shown = subprocess.run(["ps", "-p", pids, "-o", "args="], capture_output=True, check=True)
    assert len(secrets) >= 3
    assert not [secret for secret in secrets if secret.encode() in shown.stdout]


def test_only_its_owner_may_read_what_lets_people_in(up: Up) -> None:
    names = ("env", "flower-password", "postgres/password", "postgres/pgpass", "valkey/password")
    assert {0o600} == {(up.data / name).stat().st_mode & 0o777 for name in names}


def test_a_second_up_on_the_same_data_is_refused(up: Up) -> None:
    with started(up.data) as second:
        assert second.wait() == 1
        said = f"already runs on .* \\(process {up.process.pid}\\)"
        assert re.search(said, second.text)
