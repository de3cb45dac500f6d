"""How long ago this process began."""

import os
import sys
import time
from pathlib import Path


def began() -> float:
    """When this process was started, on the clock of time.monotonic().

    Elsewhere than on Linux it's the processor time used so far, which is what a warm start is.
    """
    return time.monotonic() - (_age() if sys.platform == "linux" else time.process_time())


def _age() -> float:
    """From proc(5): field 22 of stat is the start in clock ticks after boot."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
