"""When a process is stuck, and when it only waits."""

import os
import time
from pathlib import Path

import pytest

from messaging import probe
from messaging.domain.liveness import Look, Standstill

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
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    probe.write("beat", "beat@here", 0)  # makes the folder; of another role
    (folder,) = tmp_path.iterdir()
    return folder


def says(
    here: Path, *, left: float, pid: int | None = None, process: str = "worker-1@here"
) -> None:
    """A worker that counts as alive for so many seconds from now."""
    (here / f"worker-{pid or os.getpid()}").write_text(f"{time.monotonic() + left} {process}")


NOBODY = (1, "No worker runs here, or it has not begun yet.")


def test_a_probe_says_who_lives(here: Path) -> None:
    assert NOBODY == probe.probe("worker")
    says(here, left=900, pid=GONE)
    assert NOBODY == probe.probe("worker")
    says(here, left=900)
    (here / f"worker-{os.getpid()}.new").write_text("")
    assert (0, "Alive: worker-1@here.") == probe.probe("worker")


def test_a_probe_names_who_hangs(here: Path) -> None:
    says(here, left=900)
    says(here, left=-1, pid=os.getppid(), process="worker-2@here")
    who = f"worker-2@here (process {os.getppid()})"
    assert (1, f"Without a sign of life: {who}. Restart it.") == probe.probe("worker")


def test_what_a_process_says_counts_until_it_takes_it_back(here: Path) -> None:
    probe.write("worker", "worker-1@here", time.monotonic() + 900)
    assert 0 == probe.probe("worker")[0]
    probe.write("worker", "worker-1@here", time.monotonic() - 1)
    assert 1 == probe.probe("worker")[0]
    probe.remove("worker")
    assert NOBODY == probe.probe("worker")
    assert 0o700 == here.stat().st_mode & 0o777


def test_processes_that_are_gone_are_cleared_away_and_named(here: Path) -> None:
    says(here, left=9, pid=GONE, process="worker-9@here")
    says(here, left=9)
    assert ["worker-9@here"] == probe.clear("worker")
    assert [f"beat-{os.getpid()}", f"worker-{os.getpid()}"] == sorted(os.listdir(here))


def test_a_probe_before_anything_ran_finds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert NOBODY == probe.probe("worker")


@pytest.mark.parametrize("words", [[], ["flower"], ["worker", "beat"]])
def test_a_probe_of_nobody_is_refused(words: list[str]) -> None:
    assert 2 == probe.main(words)
