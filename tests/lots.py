"""How the processes of pytest share the tests: in lots, those that take longest first.

A lot is a file, or all files whose tests want the same processes of the service: to start those
costs as much as a hundred other tests. pytest-xdist knows how many tests a lot has, which says
little here, so the long ones stand below. They need not be exact: who comes late is waited for.
"""

from collections.abc import Collection, Mapping
from typing import Any

from xdist.scheduler import LoadScopeScheduling

MOST_WITH_PROCESSES = 2
"""Lots with processes at the same time: these wait, and what they wait for needs the machine."""

STACKS: Mapping[str, Collection[str]] = {
    "calm": (
        "test_bad_inputs", "test_everyday", "test_privacy", "test_producers",
        "test_stopping_sending", "test_watching",
    ),
    "fragile": ("test_losses", "test_twilio_faults"),
    "native": ("test_native_scheduling", "test_stop"),
    "patient": ("test_stopping",),
    "workerless": (
        "test_campaigns", "test_caps_killed", "test_plan", "test_pytest_celery", "test_rate_limit",
    ),
}  # fmt: skip
"""The files of `tests/acceptance` by the stack that their tests share."""

PROCESSES: Mapping[str, int] = {
    "crash": 250,
    "calm": 80,
    "fragile": 60,
    "native": 20,
    "patient": 40,
    "workerless": 80,
    "tests/acceptance/test_liveness.py": 20,
    "tests/acceptance/test_pooler.py": 30,
    "tests/acceptance/test_up_end.py": 50,
    "tests/acceptance/test_up_start.py": 30,
    "tests/bench/test_against.py": 20,
    "tests/bench/test_bench.py": 30,
    "tests/bench/test_hosts.py": 80,
    "tests/bench/test_outage.py": 60,
    "tests/bench/test_pacing.py": 20,
    "tests/bench/test_processes.py": 30,
    "tests/bench/test_procrastination.py": 10,
    "tests/chaos/test_chaos.py": 140,
}
"""About how many seconds a lot takes that starts processes of the service."""

OTHERS: Mapping[str, int] = {
    "tests/house/test_tools.py": 20,
    "tests/integration/test_comparison.py": 30,
    "tests/integration/test_migrations.py": 20,
    "tests/integration/test_outbox_bulk.py": 20,
    "tests/integration/test_web_health.py": 20,
    "tests/model/test_protocol.py": 60,
    "tests/model/test_variants.py": 20,
    "tests/model/test_windows.py": 20,
    "tests/state/test_any_order.py": 60,
    "tests/state/test_broken.py": 30,
}
"""About how many seconds it takes where tests are slow but start no processes."""
_A_TEST: Mapping[str, float] = {"tests/unit": 0.02, "tests/house": 0.1, "tests/contract": 0.1}
_ANY_TEST = 0.2
"""Seconds of a test, by its folder or elsewhere."""

_STACK_OF = {
    f"tests/acceptance/{file}.py": name for name, files in STACKS.items() for file in files
}


def lot_of(nodeid: str) -> str:
    """The lot of a test."""
    file = nodeid.partition("::")[0]
    if file.startswith("tests/crash/"):
        return "crash"
    return _STACK_OF.get(file, file)


def longest(waiting: Mapping[str, int], elsewhere: Collection[str]) -> str:
    """Which of the lots that wait comes next, by the number of tests in each.

    `elsewhere` is what the other processes of pytest have in hand.
    """
    full = len(PROCESSES.keys() & elsewhere) >= MOST_WITH_PROCESSES
    allowed = [lot for lot in waiting if not (full and lot in PROCESSES)] or waiting
    return max(allowed, key=lambda lot: _seconds(lot, waiting[lot]))


def _seconds(lot: str, tests: int) -> float:
    a_test = _A_TEST.get(lot.rpartition("/")[0], _ANY_TEST)
    return PROCESSES.get(lot) or OTHERS.get(lot) or tests * a_test


class Lots(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives each process of pytest the longest lot that is left."""

    def _split_scope(self, nodeid: str) -> str:
        return lot_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        waiting = {lot: len(tests) for lot, tests in self.workqueue.items()}
        elsewhere = {
            lot
            for other, lots in self.assigned_work.items()
            for lot, tests in lots.items()
            if other is not node and not all(tests.values())
        }
        self.workqueue.move_to_end(longest(waiting, elsewhere), last=False)
        super()._assign_work_unit(node)
