"""`messaging plan`: what it says of a file is what `enqueue` does then, and it writes nothing."""

import csv
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.phone import mask
from tests.house.tree import ROOT
from tests.integration.command_line import CommandLine
from tests.integration.dumps import contents
from tests.integration.story import insert

Database = Connection[TupleRow]
NEW_YORK = "+12125550101"
BERLIN = "+4915123456789"
FULL_SIZE = os.environ.get("MESSAGING_TEST_SCALE") == "full"
BEFORE = "+12025550180"
REFUSED_BY_ENQUEUE = {"country", "blocked_prefix"}
"""Rows that a plan skips, and `enqueue` refuses."""


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(environment, monkeypatch, capsys)


def file(*lines: str, name: str = "texts.csv") -> Path:
    path = Path(name)
    path.write_text("\n".join(lines) + "\n")
    return path


def number(n: int) -> str:
    """A number for fiction, another one for each n."""
    return f"+1{200 + n // 100}55501{n % 100:02d}"


def plan(messaging: CommandLine, *words: object) -> dict[str, Any]:
    ran = messaging("plan", *words, "--json")
    assert ran.code in (0, 4), ran.err
    found: dict[str, Any] = ran.json["plan"]
    assert found["rows"] == found["recipients"] + found["skipped"] + found["refused"]
    return found


def report(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as rows:
        return list(csv.DictReader(rows))


def stop(db: Database, scope: str, value: str) -> None:
    db.execute("select messaging.stop(%s, %s, 'a reason')", [scope, value])


def opt_out(db: Database, phone: str) -> None:
    db.execute(
        """select messaging.record_consent(%s, 'opted_out', evidence => '{"a": 1}')""", [phone]
    )


def is_dead(db: Database, phone: str) -> None:
    db.execute(
        "insert into messaging.dead_numbers (phone, error_code, until) "
        "values (%s, 30005, now() + interval '1 day')",
        [phone],
    )


MIXED = {
    f"{number(1)},Hello,,,": "recipient",
    f"{number(2)},Hello,k1,,": "recipient",
    f"{number(2)},Hello,k1,,9": "duplicate",
    f"{number(2)},Hello there,k1,,": "refused",
    f"{number(3)},Before,before,,": "duplicate",
    f"{number(3)},Other,before,,": "refused",
    f"{number(1)},Hello,,, ": "duplicate",
    f"{BEFORE},Said before,,,": "duplicate",
    f"{BEFORE},Said before,,2030-01-01T00:00:00Z,": "recipient",
    f"{number(4)},Gone,,,": "opt_out",
    f"{number(5)},Dead,,,": "dead_number",
    f"{number(6)},Late,,,0,+0s": "deadline",
    f"{number(7)},Promo,,,,": "recipient",
    f"{BERLIN},Hallo,,,": "country",
    "+18762101234,Hello,,,": "blocked_prefix",
    f"{number(8)},,,,": "refused",
    f"{number(9)},Hello,,soon,": "refused",
    "12,Hello,,,": "refused",
    f"{number(8)},Hello,,,101": "refused",
}


@pytest.fixture
def mixed(messaging: CommandLine, db: Database) -> Path:
    """A file with a row for each thing that may become of one."""
    messaging.set(
        MESSAGING_COUNTRIES="US", MESSAGING_BLOCKED_PREFIXES="+1876", MESSAGING_DEDUPE_WINDOW="3600"
    )
    before = [f"{number(3)},Before,before", f"{BEFORE},Said before,"]
    assert 0 == messaging("enqueue", file("to,body,idempotency_key", *before)).code
    opt_out(db, number(4))
    is_dead(db, number(5))
    names = "to,body,idempotency_key,at,priority,expires_at"
    return file(names, *(line + "," * (5 - line.count(",")) for line in MIXED), name="mixed.csv")


def test_a_plan_says_of_every_row_what_enqueue_does_then(
    messaging: CommandLine, db: Database, mixed: Path
) -> None:
    found = plan(messaging, mixed, "--report", "plan.csv")
    planned = report("plan.csv")
    assert list(MIXED.values()) == [row["why"] or row["result"] for row in planned]
    assert Counter(row["result"] for row in planned) == {
        "recipient": found["recipients"],
        "skipped": found["skipped"],
        "refused": found["refused"],
    }
    messaging("enqueue", mixed, "--report", "done.csv")
    done = report("done.csv")
    for ours, theirs in zip(planned, done, strict=True):
        why = ours["why"] or ours["result"]
        expected = why if why in ("duplicate", "refused") else "created"
        assert ("refused" if why in REFUSED_BY_ENQUEUE else expected) == theirs["result"], theirs
    rows = db.execute("select message_content, status from message_jobs")
    statuses: dict[str, str] = dict(rows.fetchall())
    assert ("suppressed", "expired") == (statuses["Dead"], statuses["Late"])


def test_a_plan_changes_no_row_and_no_key(
    messaging: CommandLine, db: Database, redis_url: str, mixed: Path
) -> None:
    messaging.set(MESSAGING_CAP_RECIPIENT_DAY="5", MESSAGING_CAP_MESSAGES_HOUR="3")
    before = contents(db)
    plan(messaging, mixed, "--key-prefix", "a")
    assert before == contents(db)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 == client.dbsize()


@pytest.fixture
def reader(db: Database, database_url: str) -> Iterator[str]:
    """The database, as the role that the page on plans makes."""
    page = (ROOT / "docs/how-to/plan-a-campaign.md").read_text()
    (recipe,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    name, password = f"planner_{token_hex(4)}", token_hex(8)
    db.execute(recipe.replace("planner", name).replace("…", password).encode())
    yield (
        urlsplit(database_url)
        ._replace(netloc=f"{name}:{password}@{urlsplit(database_url).netloc.rpartition('@')[2]}")
        .geturl()
    )
    db.execute(f"drop owned by {name}; drop role {name}".encode())


def test_a_role_that_may_only_read_makes_the_same_plan(
    messaging: CommandLine, db: Database, mixed: Path, reader: str
) -> None:
    messaging.set(MESSAGING_CAP_RECIPIENT_DAY="5", MESSAGING_CAP_USD_DAY="3")
    stop(db, "country", "FR")
    expected = plan(messaging, mixed)
    messaging.set(DATABASE_URL=reader)
    found = plan(messaging, mixed)
    for one in (expected, found):
        del one["now"], one["schedule"], one["zones"]
    assert expected == found
    with psycopg.connect(reader) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("delete from message_jobs")


def test_a_plan_cannot_write_even_where_its_role_may(messaging: CommandLine, db: Database) -> None:
    db.execute(
        "create or replace function messaging.region_of(phone text) returns text "
        "language plpgsql as $$ begin insert into messaging.destinations (rule, what) "
        "values ('allow', 'FR'); return 'US'; end $$"
    )
    ran = messaging("plan", file("to,body", f"{NEW_YORK},Hello"))
    assert 1 == ran.code
    assert "read-only transaction" in ran.err


STOPS = [
    ("all", ""),
    ("lane", "normal"),
    ("country", "US"),
    ("country", "+1212"),
    ("campaign", "x"),
]


@pytest.mark.parametrize(("scope", "value"), STOPS)
def test_what_is_stopped_is_skipped_and_named(
    messaging: CommandLine, db: Database, scope: str, value: str
) -> None:
    stop(db, scope, value)
    found = plan(messaging, file("to,body,metadata.campaign", f"{NEW_YORK},Hello,x"))
    assert {"stopped": 1} == found["skips"]
    assert [f"{scope} {value}".strip() + ": a reason"] == found["stops"]
    shown = messaging("plan", file("to,body", f"{NEW_YORK},Hello"))
    assert f"Stopped: {scope}" in shown.out


def test_marketing_waits_for_the_morning_where_its_reader_is(
    messaging: CommandLine, db: Database
) -> None:
    # Of two zones that are always twelve hours apart, one is asleep whenever this runs.
    rows = [f"{NEW_YORK},Hi,marketing,{zone}" for zone in ("Asia/Bangkok", "America/Bogota")]
    messaging.set(MESSAGING_QUIET_HOURS_MARKETING="20:00-08:00", MESSAGING_QUIET_HOURS_BY_LAW="0")
    path = file("to,body,category,time_zone", *rows)
    found = plan(messaging, path, "--report", "plan.csv")
    zones = {one["zone"]: one for one in found["zones"]}
    (asleep,) = [one for one in zones.values() if one["deferred"]]
    assert 1 == found["schedule"]["deferred"]
    (row,) = [one for one in report("plan.csv") if one["time_zone"] == asleep["zone"]]
    assert row["local_time"].endswith("T08:00:00")
    messaging("enqueue", path)
    (due,) = db.execute(
        "select due_at from message_jobs where status = 'scheduled' and time_zone = %s",
        [asleep["zone"]],
    ).fetchone() or (None,)
    assert due is not None
    assert due.strftime("%Y-%m-%dT%H:%M:%SZ") == asleep["first"] == asleep["until_first"]


def test_what_waits_already_is_in_front(messaging: CommandLine, db: Database) -> None:
    messaging.set(TWILIO_RATE_LIMIT_PER_MINUTE="60")
    for _ in range(30):
        insert(db)
    insert(db, scheduled_for="9000-01-01T00:00Z", status="scheduled")
    schedule = plan(messaging, file("to,body", f"{NEW_YORK},Hello"))["schedule"]
    assert 30 == schedule["ahead"]
    assert 30 == pytest.approx(schedule["ahead_for"], rel=0.01)
    assert schedule["first"] == schedule["last"]


def test_segments_encodings_and_costs_are_summed_up(messaging: CommandLine, db: Database) -> None:
    db.execute("update messaging.prices set segment_usd = 0.01 where region = 'US'")
    db.execute("update messaging.prices set media_usd = 0.02 where region = 'US'")
    db.execute("update messaging.prices set segment_usd = 0.1234 where region = 'DE'")
    rows = [
        f"{NEW_YORK},Hello,",
        f"{NEW_YORK},{'x' * 161},",
        f"{BERLIN},Grüße – Ł,",
        f"{NEW_YORK},See,https://example.com/a.png",
    ]
    found = plan(messaging, file("to,body,media_urls", *rows))
    sizes = found["sizes"]
    assert (5, {"1": 3, "2": 1}) == (sizes["segments"], sizes["by_segments"])
    assert {"GSM-7": 2, "UCS-2": 1, "media": 1} == sizes["by_encoding"]
    assert ["–", "Ł"] == [one["character"] for one in sizes["characters"]]
    assert [("DE", 1, 1, "0.1234"), ("US", 3, 4, "0.0500")] == [
        tuple(one.values()) for one in found["countries"]
    ]
    assert "0.1734" == found["usd"]


def test_caps_say_when_they_are_reached_and_how_many_wait(
    messaging: CommandLine, db: Database
) -> None:
    messaging.set(MESSAGING_CAP_MESSAGES_DAY="2", MESSAGING_CAP_RECIPIENT_HOUR="1")
    db.execute(
        "insert into messaging.cap_counts (span, began, messages) "
        "values ('day', messaging.window_of('day', now()), 1)"
    )
    db.execute(
        "insert into messaging.cap_uses values (gen_random_uuid(), 1, %s, now(), 1, 0)", [number(9)]
    )
    path = file("to,body", *(f"{number(n)},Hello" for n in (9, 1, 2, 3)))
    found = plan(messaging, path)
    (hit,) = found["caps"]
    assert ("messages_day", 2, 2) == (hit["cap"], hit["waiting"], hit["times"])
    assert hit["until"].endswith("T00:00:00Z")
    assert 1 == found["schedule"]["over_number_cap"]
    assert "The cap messages_day is reached" in messaging("plan", path).out


def test_numbers_are_masked_unless_they_are_asked_for(messaging: CommandLine) -> None:
    path = file("to,body", f"{NEW_YORK},Hello", f"{BERLIN},", "1,x")
    for words, shown in (((), mask(NEW_YORK)), (("--full",), NEW_YORK)):
        ran = messaging("plan", path, "--report", "plan.csv", *words)
        assert [shown] == [row["number"] for row in report("plan.csv")][:1]
        assert NEW_YORK not in ran.out
        assert BERLIN not in ran.out


def test_refusals_are_counted_by_kind_and_the_first_are_told(messaging: CommandLine) -> None:
    rows = [*(f"{n},Hello" for n in ("12", "13", "14")), f"{NEW_YORK},"]
    ran = messaging("plan", file("to,body", *rows), "--json")
    assert 4 == ran.code
    kinds = ran.json["plan"]["refusals"]
    assert [3, 1] == list(kinds.values())
    assert "does not begin with + and a country code" in next(iter(kinds))
    assert [(1, 2), (2, 3), (3, 4), (4, 5)] == [
        (one["row"], one["line"]) for one in ran.json["refused_rows"]
    ]


def test_the_words_of_a_plan_are_those_of_enqueue(messaging: CommandLine, db: Database) -> None:
    messaging("template", "put", "hi", "--text", "Hello {{ name }}")
    path = file("to,name", f"{NEW_YORK},Ada", f"{NEW_YORK},")
    words = (path, "--template", "hi", "--key-prefix", "nov", "--report", "out.csv", "--json")
    assert {"recipients": 1, "refused": 1}.items() <= messaging("plan", *words).json["plan"].items()
    assert 1 == messaging("enqueue", *words).json["created"]
    assert {"duplicate": 1} == messaging("plan", *words).json["plan"]["skips"]


def test_a_file_that_cannot_be_used_is_refused_as_a_whole(messaging: CommandLine) -> None:
    assert 2 == messaging("plan", file("to,body", f'{NEW_YORK},"Hello')).code
    assert 2 == messaging("plan", file("name,body", "a,b")).code
    assert 2 == messaging("plan", Path("nothing.csv")).code


def test_a_file_without_rows_has_an_empty_plan(messaging: CommandLine) -> None:
    found = plan(messaging, file("to,body"))
    assert (0, 0, None) == (found["rows"], found["recipients"], found["schedule"]["first"])
    assert 0 == messaging("plan", file("to,body")).code


def test_a_row_that_the_database_cannot_store_spoils_no_other(
    messaging: CommandLine, db: Database
) -> None:
    db.execute(
        "create or replace function messaging.region_of(phone text) returns text "
        "language plpgsql as $$ begin "
        "if phone like '%%99' then return (1 / 0)::text; end if; return 'US'; end $$"
    )
    found = plan(messaging, file("to,body", *(f"{number(n)},Hello" for n in (98, 99))))
    assert (1, 1) == (found["recipients"], found["refused"])


@pytest.mark.skipif(not FULL_SIZE, reason="a hundred thousand rows: at full scale only")
def test_a_hundred_thousand_rows_take_less_than_a_minute_of_a_core(
    messaging: CommandLine, db: Database
) -> None:
    messaging.set(TWILIO_RATE_LIMIT_PER_SECOND="100")
    rows = (f"+1{212 + n % 6}{2000000 + 61 * n},Hello {n},marketing" for n in range(100_000))
    path = file("to,body,category", *rows)
    began = time.process_time()
    found = plan(messaging, path)
    print(f"{time.process_time() - began:.1f} s; {found}")
    assert 100_000 == found["rows"]
    assert time.process_time() - began < 60
