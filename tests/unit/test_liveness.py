"""When a process is stuck, and when it only waits."""

import os
import time
from pathlib import Path

import pytest

from messaging import probe
from messaging.domain.liveness import Look, Standstill
from messaging.probe import Pulse

IDLE = Look(waiting=0, done=(1,), has_room=True)
STILL = Look(waiting=5, done=(1,), has_room=True)
BUSY = Look(waiting=5, done=(1,), has_room=False)
CUT_OFF = Look(waiting=None, done=(1,), has_room=True)
MOVED = Look(waiting=5, done=(2,), has_room=True)
GONE = 2**22 + 1
"""More than Linux gives to any process."""


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([STILL, STILL, STILL], False),  # the first look has nothing to compare with
        ([STILL, STILL, STILL, STILL], True),
        ([STILL, STILL, STILL, MOVED], False),
        ([STILL, STILL, MOVED, MOVED, MOVED, MOVED], True),
        ([IDLE] * 9, False),
        ([BUSY] * 9, False),
        ([CUT_OFF] * 9, False),
        ([STILL, STILL, STILL, IDLE, STILL], False),
        ([STILL, STILL, STILL, BUSY, STILL], False),
        ([STILL, STILL, STILL, CUT_OFF, STILL], False),
    ],
)
def test_only_one_that_stands_still_without_a_reason_is_stuck(
    seen: list[Look], expected: bool
) -> None:
    standstill = Standstill(most=3)
    assert expected is [standstill.is_stuck(look) for look in seen][-1]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def pulse(*, left: float, pid: int | None = None, process: str = "worker-1@here") -> Pulse:
    """What a process says that counts as alive for so many seconds from now."""
    until = time.monotonic() + left
    return Pulse(role="worker", pid=pid or os.getpid(), process=process, until=until)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], (1, "No worker runs here, or it has not begun yet.")),
        ([pulse(left=900)], (0, "Alive: worker-1@here.")),
        (
            [pulse(left=-1)],
            (1, f"Without a sign of life: worker-1@here (process {os.getpid()}). Restart it."),
        ),
        ([pulse(left=900, pid=GONE)], (1, "No worker runs here, or it has not begun yet.")),
        ([pulse(left=-1, pid=GONE), pulse(left=900)], (0, "Alive: worker-1@here.")),
        (
            [pulse(left=900), pulse(left=-1, pid=os.getppid(), process="worker-2@here")],
            (1, f"Without a sign of life: worker-2@here (process {os.getppid()}). Restart it."),
        ),
    ],
)
def test_a_probe_says_who_lives(said: list[Pulse], expected: tuple[int, str]) -> None:
    for one in said:
        one.write()
    assert expected == probe.probe("worker")


def test_the_folder_of_signs_of_life_is_nobody_elses(here: Path) -> None:
    pulse(left=9).write()
    (folder,) = here.iterdir()
    assert 0o700 == folder.stat().st_mode & 0o777


@pytest.mark.usefixtures("here")
def test_processes_that_are_gone_are_cleared_away_and_named() -> None:
    pulse(left=9, pid=GONE, process="worker-9@here").write()
    pulse(left=9).write()
    assert ["worker-9@here"] == probe.clear("worker")
    assert ["worker-1@here"] == [one.process for one in probe.pulses("worker")]


@pytest.mark.parametrize("words", [[], ["flower"], ["worker", "beat"]])
def test_a_probe_of_nobody_is_refused(words: list[str]) -> None:
    assert 2 == probe.main(words)
