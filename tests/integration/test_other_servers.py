"""The heart of the service on older servers; `make compat` runs more of it on more of them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEART = ("settle_sql", "receipts_sql", "bridge", "delivery")
OLDER = {"MESSAGING_TEST_POSTGRES": "16", "MESSAGING_TEST_PGMQ": "old"}


def test_the_heart_of_the_service_beats_on_an_older_postgres_with_an_older_pgmq() -> None:
    """The same tests once more, in a process of their own."""
    files = [f"tests/integration/test_{part}.py" for part in HEART]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", *files],
        cwd=ROOT,
        env={**os.environ, **OLDER},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout[-4000:]


def test_a_server_that_is_not_there_ends_the_tests_with_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration/test_settle_sql.py"],
        cwd=ROOT,
        env={**os.environ, "MESSAGING_TEST_POSTGRES": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 4 == done.returncode
    assert "MESSAGING_TEST_POSTGRES is /nowhere" in done.stdout
    assert "`make compat` fetches Debian's." in done.stdout
