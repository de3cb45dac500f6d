"""How `messaging up` ends, and begins again on the same data."""

import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging.local.ports import LOOPBACK
from messaging.local.process import wait_until
from tests.acceptance.up import LIMIT, is_gone, started

LIVES = (
    "immediate  sent  delivered",
    "templated  sent  delivered",
    "scheduled  scheduled",
    "scheduled  sent  delivered",
    "failing  failed  21211",
)


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="messaging-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


def test_ctrl_c_leaves_no_process_and_the_demo_plays_on_the_kept_data(data: Path) -> None:
    with started(data) as up:
        up.wait_for("(First message delivered)")
        family = up.family()
        up.ask(signal.SIGINT)
        assert up.wait() == 0
        assert [] == [pid for pid in family if not is_gone(pid)]
        assert len(family) > 8
        port = up.wait_for(r"Postgres .* port (\d+)")
    with started(data, "demo") as again:
        assert again.wait() == 0, again.text
        assert port == again.wait_for(r"Postgres .* port (\d+)")
        again.wait_for("(nothing to apply)")
        for life in LIVES:
            assert life in again.text


def test_kill_9_leaves_no_process(data: Path) -> None:
    with started(data) as up:
        up.wait_for("(First message delivered)")
        family = up.family()
        up.ask(signal.SIGKILL)
        up.wait()
        assert wait_until(lambda: all(map(is_gone, family)), limit=LIMIT)


def test_a_wanted_port_that_is_taken_is_an_error(data: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as stranger:
        port = stranger.getsockname()[1]
        with started(data, port=port) as up:
            assert up.wait() == 1
            assert f"Port {port} is taken" in up.text
