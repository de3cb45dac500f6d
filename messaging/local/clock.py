"""The clocks of this machine: when this process began, and what time it is."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path


def began() -> float:
    """When a person started this, on the clock of time.monotonic().

    That is when `make` began where make runs us, set-up included, and else when this process
    did. Elsewhere than on Linux it's the processor time used so far, which is what a warm start
    is.
    """
    if sys.platform != "linux":
        return time.monotonic() - time.process_time()
    make = _begun(os.getppid(), named=frozenset({"make", "gmake"}))
    return make or _begun(os.getpid()) or time.monotonic()


def now() -> datetime:
    """What this machine's clock says; Postgres may say something else."""
    return datetime.now(UTC)


def _begun(pid: int, named: frozenset[str] = frozenset()) -> float | None:
    """When a process began; None where it is gone, or has another name than these.

    From proc(5): field 2 of stat is the name, field 22 the start in clock ticks after boot.
    """
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    if named and before.partition("(")[2] not in named:
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(after.split()[19]) / os.sysconf(
        "SC_CLK_TCK"
    )
    return time.monotonic() - age
