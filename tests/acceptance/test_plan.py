"""A plan comes true: what it says of a mixed file is what workers and Twilio make of it then."""

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from messaging.local.processes import WORKER
from tests.stack.batch import recipient, size
from tests.stack.stack import Stack

ROWS = size(300, 100_000)
RATE = size(50, 200)
RULES = {
    "MESSAGING_COUNTRIES": "US",
    "MESSAGING_BLOCKED_PREFIXES": "+1876",
    "MESSAGING_DEDUPE_WINDOW": "3600",
    "MESSAGING_QUIET_HOURS_MARKETING": "20:00-08:00",
    "MESSAGING_QUIET_HOURS_BY_LAW": "false",
    "TWILIO_RATE_LIMIT_PER_SECOND": str(RATE),
}
ASLEEP_OR_AWAKE = ("Asia/Bangkok", "America/Bogota")
"""Twelve hours apart, always: in one of them it is night."""
TEXTS = ("Hello", "See you – later", "x" * 200, "Łódź " * 20)
COLUMNS = ("to", "body", "idempotency_key", "category", "time_zone", "expires_at")
ENDS = {"opt_out": "suppressed", "dead_number": "suppressed", "deadline": "expired"}
"""Statuses of messages that a plan skips; the other rows that it skips become no messages."""


@pytest.fixture
def ruled(workerless: Stack) -> Iterator[Stack]:
    """A worker, with rules of which each has something against some rows."""
    before = workerless.environment
    workerless.environment = {**before, **RULES}
    worker = workerless.start("worker-1", WORKER)
    yield workerless
    worker.kill()
    workerless.environment = before
    workerless.db.execute("delete from messaging.dead_numbers")
    workerless.db.execute("update message_jobs set status = 'canceled' where status = 'scheduled'")
    workerless.db.execute(
        """select messaging.record_consent(phone, 'opted_in', evidence => '{"a": 1}') """
        "from messaging.consents where state = 'opted_out'"
    )


def row(n: int) -> Sequence[str]:
    """Nine of ten go out; of the rest, each is something else."""
    plain = (recipient(n % 79_000), f"{TEXTS[n % 4]} {n}", "", "", "", "")
    match n % 40:
        case 1:
            return recipient(n // 80), "Again", f"key {n // 80}", "", "", ""
        case 2:
            return "+18762101234", *plain[1:]
        case 3:
            return "+4915123456789", *plain[1:]
        case 4:
            return "12", *plain[1:]
        case 5:
            return *plain[:3], "marketing", ASLEEP_OR_AWAKE[n // 40 % 2], ""
        case 6:
            return *plain[:5], "+0s"
        case 9:
            return *plain[:2], f"other key {n // 80}", "", "", ""
        case _:
            return plain


def write(path: Path) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *(row(n) for n in range(ROWS))])


def run(stack: Stack, *words: object) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "messaging", *map(str, words), "--json"]
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, env=stack.environment
    )
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)


def forbid(stack: Stack) -> None:
    """Some numbers want no texts, and some take none."""
    for n in range(7, ROWS, size(40, 4000)):
        stack.db.execute(
            """select messaging.record_consent(%s, 'opted_out', evidence => '{"a": 1}')""",
            [recipient(n % 79_000)],
        )
    for n in range(8, ROWS, size(40, 4000)):
        stack.db.execute(
            "insert into messaging.dead_numbers (phone, error_code, until) "
            "values (%s, 30005, now() + interval '1 day') on conflict do nothing",
            [recipient(n % 79_000)],
        )


def joined(plan: Path, result: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Each row as it was planned, and what became of it."""
    with plan.open(newline="") as planned, result.open(newline="") as done:
        yield from zip(csv.DictReader(planned), csv.DictReader(done), strict=True)


def expected(planned: dict[str, str], later: str) -> str:
    """The status that a planned row comes to; what it is called by `enqueue` where to none."""
    if planned["result"] == "refused" or planned["why"] in ("country", "blocked_prefix"):
        return "refused"
    if planned["result"] == "skipped":
        return ENDS.get(planned["why"], planned["why"])
    return "scheduled" if planned["at"][:19] >= later else "sent"


def test_what_a_plan_says_is_what_happens(ruled: Stack, tmp_path: Path) -> None:
    path, plan, result = (tmp_path / name for name in ("texts.csv", "plan.csv", "result.csv"))
    write(path)
    forbid(ruled)
    before = len(ruled.twilio.ledger.outbound)
    began = time.monotonic()
    found = run(ruled, "plan", path, "--report", plan)["plan"]
    print(f"planned {ROWS} rows in {time.monotonic() - began:.1f} s")
    handed_over = run(ruled, "enqueue", path, "--report", result)
    busy = "select 1 from message_jobs where status in ('pending', 'processing', 'retrying')"
    seconds = found["schedule"]["sending"]
    ruled.wait_until(lambda: ruled.db.execute(busy).fetchone() is None, 30 + 3 * seconds)

    sent = ruled.twilio.ledger.outbound[before:]
    rows = ruled.db.execute("select id::text, status from message_jobs")
    statuses: dict[str, str] = dict(rows.fetchall())
    later = max(zone["until_first"] or "" for zone in found["zones"])[:19]
    came = [
        (
            expected(planned, later),
            statuses[done["id"]] if done["result"] == "created" else done["result"],
        )
        for planned, done in joined(plan, result)
    ]
    assert [] == [pair for pair in came if pair[0] != pair[1]]
    assert found["rows"] == handed_over["rows"] == ROWS
    assert {"sent", "scheduled", "refused", "duplicate", "suppressed", "expired"} == {
        status for _, status in came
    }
    _compare_sizes(ruled, found, [message.segments for message in sent], plan, later)
    _compare_times(found, [message.created_at for message in sent])


def _compare_sizes(
    stack: Stack, found: dict[str, Any], segments: list[int], plan: Path, later: str
) -> None:
    """Twilio counts as the plan did; those that wait for the morning are in its sums too."""
    with plan.open(newline="") as rows:
        out = [row for row in csv.DictReader(rows) if row["result"] == "recipient"]
    assert Counter(segments) == Counter(
        int(row["segments"]) for row in out if row["at"][:19] < later
    )
    (price,) = stack.db.execute(
        "select segment_usd from messaging.prices where region = 'US'"
    ).fetchone() or (0,)
    assert str(price * found["sizes"]["segments"]) == found["usd"]


def _compare_times(found: dict[str, Any], at: list[float]) -> None:
    """Never quicker than planned; how much slower, a busy machine decides."""
    took, planned = max(at) - min(at), (len(at) - 1) / found["schedule"]["per_second"]
    print(f"{len(at)} texts took {took:.1f} s, planned were {planned:.1f} s")
    assert took >= 0.95 * planned
