"""Whole runs: ours loses and doubles nothing, plain Celery does, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from messaging.local.chaos.plan import Victim
from messaging.local.process import is_running, wait_until
from tests.stack.batch import size

SHORTER = {
    "MESSAGING_CONNECT_TIMEOUT": "1",
    "MESSAGING_READ_TIMEOUT": "3",
    "MESSAGING_SEND_DEADLINE": "2",
    "MESSAGING_SEND_LEASE": "15",
    "MESSAGING_ENTRY_LEASE": "20",
    "MESSAGING_QUIESCENCE": "20",
}
"""A third of the usual times, so that the wait at the end is a third of the usual one."""
TEXTS, KILLS = size(quick=2500, full=5000), size(quick=30, full=60)
"""Of 30 kills each kind of process has one at least. The other trouble, which lasts as long with
either, and with it the faults of Twilio and of each line, is the same."""
_LIMIT = 15.0


def chaos(folder: Path, *options: str) -> subprocess.Popen[str]:
    """`messaging chaos` as a process of its own, in an environment that names somebody else."""
    return subprocess.Popen(
        [sys.executable, "-m", "messaging", "chaos", *options],
        env={
            **os.environ,
            **SHORTER,
            "TMPDIR": str(folder),
            "DATABASE_URL": "postgresql://somebody/else",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON."""
    out, errors = process.communicate()
    assert out, errors
    return process.returncode, json.loads(out)


def test_thousands_of_texts_survive_dozens_of_kills(folder: Path) -> None:
    report = folder / "report.html"
    sizes = ("--messages", str(TEXTS), "--kills", str(KILLS), "--minutes", "0.75")
    code, found = ended(chaos(folder, *sizes, "--report", str(report), "--json"))
    wrong = {kind: ids for kind, ids in found["findings"].items() if ids}
    assert (0, {}, []) == (code, wrong, found["left"]), found["dossiers"]
    assert (True, TEXTS) == (found["is_passed"], found["committed"])
    assert {"sent": found["accepted"], "failed": TEXTS - found["accepted"]} == found["statuses"]
    assert 0.98 * TEXTS < found["accepted"]
    assert (KILLS, {victim.value for victim in Victim}) == (
        sum(found["done"]["kills"].values()),
        set(found["done"]["kills"]),
    )
    assert found["times"]["send_lease"] == float(SHORTER["MESSAGING_SEND_LEASE"])
    assert 0 < found["doubts"]["total"]
    assert "none lost, none doubled" in report.read_text()
    assert [report] == list(folder.iterdir())


def test_plain_celery_loses_or_doubles_some(folder: Path) -> None:
    code, found = ended(chaos(folder, "--messages", "500", "--kills", "10", "--baseline", "--json"))
    assert (1, True, []) == (code, found["is_baseline"], found["left"])
    assert found["findings"]["lost"] + found["findings"]["doubled"]
    assert [] == list(folder.iterdir())


def test_a_run_that_is_stopped_leaves_nothing(folder: Path) -> None:
    process = chaos(folder, "--messages", "500", "--kills", "10")
    assert process.stderr is not None
    assert any("trouble begins" in line for line in process.stderr)
    seen = below(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert 130 == process.returncode
    assert len(seen) > 10
    assert wait_until(lambda: not any(map(is_running, seen)), limit=_LIMIT)
    assert [] == list(folder.iterdir())


def below(pid: int) -> set[int]:
    """Every process that descends from this one."""
    shown = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
    pairs = [tuple(map(int, line.split())) for line in shown.stdout.splitlines()]
    found = {pid}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    return found - {pid}
