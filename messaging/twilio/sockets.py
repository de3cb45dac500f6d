"""How many files this process may have open: each connection to Twilio is one."""

import contextlib
import resource

_OTHERS = 256
"""Connections to Postgres and Redis, logs, and what Python itself has open."""


def allow(connections: int) -> None:
    """Raise the soft limit of open files where it is too low for so many connections.

    It is 256 on macOS and 1,024 on most of Linux. The hard limit, which only root may raise, stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHERS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower one of its own, too
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
