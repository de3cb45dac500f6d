"""The limit of open files is raised where it is too low, and never beyond the hard one."""

import subprocess
import sys

import pytest

_LIMITS = """
import resource, sys
from messaging.twilio import sockets
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
sockets.allow(connections)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "limits"),
    [
        (300, 2000, 800, "1056 2000"),
        (300, 900, 800, "900 900"),
        (1500, 2000, 800, "1500 2000"),
    ],
    ids=["too low", "no higher than the hard limit", "high enough"],
)
def test_the_limit_of_open_files_is_raised(
    soft: int, hard: int, connections: int, limits: str
) -> None:
    # In a process of its own: a hard limit never goes up again.
    words = [sys.executable, "-c", _LIMITS, str(soft), str(hard), str(connections)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert limits == done.stdout.strip()
