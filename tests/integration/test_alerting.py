"""Alerts: what is wrong is noted, told once when it fires and once when it is over."""

import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from messaging import alerting, runtime
from messaging.domain.alerts import ADVICE, Change, Ended, Fired, Name, Seen
from messaging.local.ports import any_free
from messaging.postgres import alerts, heartbeats
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.command_line import CommandLine
from tests.integration.databases import force
from tests.integration.receiver import Receiver, receiving
from tests.integration.story import forget, insert, stop

Database = Connection[TupleRow]
AT_ONCE = {
    "MESSAGING_ALERT_PATIENCE": "0",
    "MESSAGING_ALERT_CALM": "0",
    "MESSAGING_ALERT_QUEUE_DEPTH": "3",
    "MESSAGING_ALERT_IN_DOUBT": "2",
}
SECRET = "s3cret"
ROLES = ["web", "worker", "bridge", "beat"]


@pytest.fixture
def make(environment: dict[str, str]) -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes whose alerts neither wait to fire nor to be resolved."""
    with ExitStack() as closing:

        def made(**settings: str) -> Runtime:
            rt = runtime.build(load({**environment, **AT_ONCE, **settings}))
            closing.callback(rt.close)
            return rt

        yield made


@pytest.fixture
def rt(make: Callable[..., Runtime], db: Database) -> Runtime:
    """A runtime in an installation in which all is well."""
    all_live(db)
    return make()


def all_live(db: Database) -> None:
    """A sign of life of one process of each kind."""
    heartbeats.beat_heart(db, "one", ROLES, 0.0, None)
    db.execute("update messaging.heartbeats set skew = 0")


def outcome(found: list[Change]) -> list[tuple[str, str, str]]:
    """What was told: fired or resolved, which alert, of what."""
    return [
        ("fired" if isinstance(change, Fired) else "resolved", change.alert.name,
         change.alert.subject)
        for change in found
        if isinstance(change, Fired) or (isinstance(change, Ended) and change.alert.fired_at)
    ]  # fmt: skip


def look_twice(rt: Runtime) -> list[tuple[str, str, str]]:
    """What is told of what is new now: the first look only notes it."""
    return outcome(alerting.look(rt)) + outcome(alerting.look(rt))


def journal(db: Database, *, failed: int, sent: int, minutes_ago: int = 0) -> None:
    for status, number in (("failed", failed), ("sent", sent)):
        db.execute(
            "insert into messaging.message_events (job_id, kind, details, at)"
            " select gen_random_uuid(), 'settled', jsonb_build_object('status', %s::text),"
            " now() - make_interval(mins => %s) from generate_series(1, %s)",
            [status, minutes_ago, number],
        )


@contextmanager
def silent(db: Database, _rt: Runtime) -> Iterator[None]:
    db.execute("update messaging.heartbeats set beaten_at = beaten_at - interval '46 s'"
               " where role = 'beat'")  # fmt: skip
    yield
    all_live(db)


@contextmanager
def nobody(db: Database, _rt: Runtime) -> Iterator[None]:
    db.execute("delete from messaging.heartbeats where role = 'bridge'")
    yield
    all_live(db)


@contextmanager
def sending_paused(_db: Database, rt: Runtime) -> Iterator[None]:
    stop(rt.throttle, "The account of +15555550100 is suspended.")
    yield
    forget(rt.throttle)


@contextmanager
def queue_depth(db: Database, _rt: Runtime) -> Iterator[None]:
    ids = [insert(db, priority=9) for _ in range(3)]
    yield
    db.execute("select messaging.cancel(id) from unnest(%s::uuid[]) as id", [ids])
    db.execute("delete from pgmq.q_sms_priority_queue")


@contextmanager
def queue_age(db: Database, _rt: Runtime) -> Iterator[None]:
    id = force(db, "pending")
    db.execute("update message_jobs set due_at = due_at - interval '301 s'")
    yield
    db.execute("select messaging.cancel(%s)", [id])


@contextmanager
def failure_rate(db: Database, _rt: Runtime) -> Iterator[None]:
    journal(db, failed=4, sent=16)
    yield
    journal(db, failed=0, sent=1)


@contextmanager
def undelivered(db: Database, _rt: Runtime) -> Iterator[None]:
    journal(db, failed=0, sent=20)
    db.execute(
        "insert into messaging.message_events (job_id, kind, twilio_sid, delivery_status)"
        " select gen_random_uuid(), 'receipt', n::text, 'undelivered'"
        " from generate_series(1, 4) as n"
    )
    yield
    journal(db, failed=0, sent=1)


@contextmanager
def in_doubt(db: Database, _rt: Runtime) -> Iterator[None]:
    force(db, "in_doubt")
    id = force(db, "in_doubt")
    yield
    db.execute("select messaging.resolve(%s, 'cancel')", [id])


@contextmanager
def held(db: Database, _rt: Runtime) -> Iterator[None]:
    id = force(db, "held")
    yield
    db.execute("select messaging.resolve(%s, 'cancel')", [id])


@contextmanager
def dead_letters(db: Database, _rt: Runtime) -> Iterator[None]:
    db.execute("select pgmq.send('sms_dlq', '{}')")
    yield
    db.execute("delete from pgmq.q_sms_dlq")


@contextmanager
def clock_skew(db: Database, _rt: Runtime) -> Iterator[None]:
    db.execute("update messaging.heartbeats set skew = -5.1 where role = 'worker'")
    yield
    db.execute("update messaging.heartbeats set skew = 0")


@contextmanager
def bloat(db: Database, _rt: Runtime) -> Iterator[None]:
    db.execute("alter table pgmq.q_sms_queue set (autovacuum_enabled = off)")
    db.execute("insert into pgmq.q_sms_queue (vt, message)"
               " select now(), '{}' from generate_series(1, 50001)")  # fmt: skip
    db.execute("delete from pgmq.q_sms_queue")
    db.execute("select pg_stat_force_next_flush()")
    yield
    db.execute("vacuum pgmq.q_sms_queue")


@contextmanager
def stopped(db: Database, _rt: Runtime) -> Iterator[None]:
    db.execute("select messaging.stop('lane', 'urgent', 'a test')")
    yield
    db.execute("select messaging.resume('lane', 'urgent')")


WRONG: Mapping[str, tuple[Any, str, str]] = {
    "beat is silent": (silent, "silent", "beat"),
    "there is no bridge": (nobody, "silent", "bridge"),
    "sending is paused": (sending_paused, "sending_paused", "account"),
    "a queue is deep": (queue_depth, "queue_depth", "urgent"),
    "a job waits for long": (queue_age, "queue_age", ""),
    "texts fail": (failure_rate, "failure_rate", ""),
    "texts do not arrive": (undelivered, "failure_rate", ""),
    "jobs are in doubt": (in_doubt, "in_doubt", ""),
    "a job is held": (held, "held", ""),
    "there are dead letters": (dead_letters, "dead_letters", ""),
    "a clock is wrong": (clock_skew, "clock_skew", ""),
    "a queue is bloated": (bloat, "bloat", "pgmq.q_sms_queue"),
    "sending is stopped": (stopped, "stopped", "lane urgent"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_fires_once_and_is_resolved_once(
    db: Database, rt: Runtime, what: str
) -> None:
    trouble, name, subject = WRONG[what]
    assert [] == look_twice(rt)
    with capture_logs() as logs:
        with trouble(db, rt):
            assert [("fired", name, subject)] == look_twice(rt)
            assert [] == look_twice(rt)
        assert [("resolved", name, subject)] == look_twice(rt)
        assert [] == look_twice(rt)
    told = [(log["event"], log["name"], log["subject"]) for log in logs]
    assert [("alert_fired", name, subject), ("alert_resolved", name, subject)] == told
    assert "+15555550100" not in str(logs)


def test_a_redis_that_does_not_answer_fires_and_says_nothing_of_what_it_would_know(
    db: Database, rt: Runtime, make: Callable[..., Runtime]
) -> None:
    cut_off = make(REDIS_URL=f"redis://127.0.0.1:{any_free()}/0")
    with sending_paused(db, rt):
        assert [("fired", "sending_paused", "account")] == look_twice(rt)
        assert [("fired", "redis_away", "")] == look_twice(cut_off)
    assert {("resolved", "redis_away", ""), ("resolved", "sending_paused", "account")} == set(
        look_twice(rt)
    )


@pytest.mark.parametrize(("failed", "minutes_ago"), [(19, 0), (20, 16)])
def test_few_failures_and_those_of_long_ago_are_no_rate(
    db: Database, rt: Runtime, failed: int, minutes_ago: int
) -> None:
    journal(db, failed=failed, sent=0, minutes_ago=minutes_ago)
    assert [] == look_twice(rt)


def test_a_cap_that_is_reached_fires_and_is_resolved_when_it_is_raised(
    db: Database, make: Callable[..., Runtime]
) -> None:
    rt, raised = (make(MESSAGING_CAP_MESSAGES_DAY=most) for most in ("1", "2"))
    all_live(db)
    db.execute("insert into messaging.cap_counts (span, began, messages) "
               "values ('day', messaging.window_of('day', now()), 1)")  # fmt: skip
    assert [("fired", "cap_reached", "")] == look_twice(rt)
    assert [("resolved", "cap_reached", "")] == look_twice(raised)


def test_every_alert_is_tried_here() -> None:
    tried = {name for _, name, _ in WRONG.values()}
    assert set(Name) == tried | {Name.REDIS_AWAY, Name.CAP_REACHED}


def test_what_flickers_makes_one_alert(db: Database, make: Callable[..., Runtime]) -> None:
    rt = make(MESSAGING_ALERT_CALM="3600")
    all_live(db)
    with held(db, rt):
        assert [("fired", "held", "")] == look_twice(rt)
    assert [] == look_twice(rt)
    with held(db, rt):
        assert [] == look_twice(rt)


def test_what_is_wrong_for_a_moment_is_told_to_nobody(
    db: Database, make: Callable[..., Runtime]
) -> None:
    rt = make(MESSAGING_ALERT_PATIENCE="3600")
    all_live(db)
    with held(db, rt):
        assert [] == look_twice(rt)
    assert [] == look_twice(rt)
    assert [] == db.execute("select from messaging.alerts").fetchall()


def test_what_somebody_saw_meanwhile_is_not_over(
    db: Database, make: Callable[..., Runtime]
) -> None:
    rt = make()
    all_live(db)
    with held(db, rt):
        look_twice(rt)
    (before,) = alerts.known(db)
    assert alerts.write(db, Seen(alert=before, value=1), alerts.clock(db), [])
    assert not alerts.write(db, Ended(alert=before, value=0), alerts.clock(db), [])
    assert [("resolved", "held", "")] == look_twice(rt)


def test_of_many_that_look_at_once_and_after_a_restart_one_tells(
    db: Database, make: Callable[..., Runtime]
) -> None:
    posts = {"MESSAGING_ALERT_COMMAND": "false"}
    all_live(db)
    several = [make(**posts) for _ in range(6)]
    with held(db, several[0]), ThreadPoolExecutor() as pool:
        fired = list(pool.map(look_twice, several))
        assert [("fired", "held", "")] == [told for many in fired for told in many]
        assert [] == look_twice(make(**posts))
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(look_twice, several))
    assert [("resolved", "held", "")] == [told for many in ended for told in many]
    rows = db.execute("select state from messaging.alert_notices order by id")
    assert [("firing",), ("resolved",)] == rows.fetchall()


def test_one_that_was_frozen_in_its_look_writes_nothing(
    db: Database, make: Callable[..., Runtime]
) -> None:
    late = make(MESSAGING_PULSE="0.000001")
    assert [] == look_twice(late)
    assert [] == db.execute("select from messaging.alerts").fetchall()


def test_of_all_signs_of_life_at_one_time_one_has_the_turn_to_look(
    db: Database, rt: Runtime
) -> None:
    def beat(name: str, rest: timedelta | None = timedelta(minutes=1)) -> bool:
        with rt.db.connection() as conn:
            return heartbeats.beat_heart(conn, name, ["worker"], 0.0, rest)

    with ThreadPoolExecutor(8) as pool:
        assert 1 == sum(pool.map(beat, [f"worker-{n}" for n in range(8)]))
    assert (False, False) == (beat("one"), beat("one", None))
    db.execute("update messaging.watches set looked_at = looked_at - interval '61 s'")
    assert (False, True) == (beat("one", None), beat("one"))


def test_a_clock_that_is_wrong_is_seen_in_the_sign_of_life(db: Database) -> None:
    (now,) = db.execute("select extract(epoch from clock_timestamp())::float8").fetchone() or (0,)
    heartbeats.beat_heart(db, "fast", ["worker"], now + 100, None)
    (skew,) = db.execute("select skew from messaging.heartbeats").fetchone() or (0,)
    assert 90 < skew <= 100


def test_a_process_that_went_without_a_word_is_forgotten_once_others_do_its_work(
    db: Database, rt: Runtime
) -> None:
    db.execute("update messaging.heartbeats set beaten_at = beaten_at - interval '16 min'")
    heartbeats.beat_heart(db, "other", ["worker", "beat"], 0.0, None)
    alerting.look(rt)
    rows = db.execute("select process, role from messaging.heartbeats order by role, process")
    expected = [("other", "beat"), ("one", "bridge"), ("one", "web"), ("other", "worker")]
    assert expected == rows.fetchall()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def hooked(receiver: Receiver) -> dict[str, str]:
    return {
        "MESSAGING_ALERT_WEBHOOK_URL": receiver.url,
        "MESSAGING_ALERT_WEBHOOK_SECRET": SECRET,
    }


def again(db: Database) -> None:
    """Lets the time for the next try come."""
    db.execute("update messaging.alert_notices set next_at = clock_timestamp()")


def test_a_webhook_is_told_signed_and_once_each(
    db: Database, make: Callable[..., Runtime], receiver: Receiver
) -> None:
    rt = make(**hooked(receiver))
    all_live(db)
    with sending_paused(db, rt):
        look_twice(rt)
        assert (1, 0) == (alerting.tell(rt), alerting.tell(rt))
    look_twice(rt)
    assert (1, 0) == (alerting.tell(make(**hooked(receiver))), alerting.tell(rt))

    bodies = [json.loads(body) for _, body in receiver.got]
    assert ["firing", "resolved"] == [body["state"] for body in bodies]
    assert bodies[0] | {
        "alert": "sending_paused", "subject": "account", "value": 1.0,
        "advice": ADVICE[Name.SENDING_PAUSED],
    } == bodies[0]  # fmt: skip
    for body in bodies:
        assert body["what"].startswith("Nothing is sent with our account. The account of +1555")
        assert "is suspended. Since " in body["what"]
    assert {"id", "since", "at"} == bodies[0].keys() - {
        "alert", "subject", "state", "value", "what", "advice",
    }  # fmt: skip
    assert "+15555550100" not in str(receiver.got)
    for header, body in receiver.got:
        time, _, signed = header.partition(",")
        expected = hmac.new(
            SECRET.encode(), time.removeprefix("t=").encode() + b"." + body, hashlib.sha256
        )
        assert f"v1={expected.hexdigest()}" == signed


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_webhook_that_does_not_take_it_is_tried_again_later_and_in_order(
    db: Database, make: Callable[..., Runtime], receiver: Receiver, status: int
) -> None:
    rt = make(**hooked(receiver))
    all_live(db)
    receiver.statuses = [status, status, 204]
    with held(db, rt):
        look_twice(rt)
    look_twice(rt)
    with capture_logs() as logs:
        assert (0, 0) == (alerting.tell(rt), alerting.tell(rt))
        waits = [wait for (wait,) in db.execute(
            "select next_at - clock_timestamp() from messaging.alert_notices where attempts > 0"
        )]  # fmt: skip
        again(db)
        assert 0 == alerting.tell(rt)
        again(db)
        assert 2 == alerting.tell(rt)
    assert all(timedelta(seconds=13) < wait <= timedelta(seconds=15) for wait in waits)
    assert [1, 2] == [log["attempts"] for log in logs]
    assert [f"the webhook answered {status}"] * 2 == [log["reason"] for log in logs]
    states = [json.loads(body)["state"] for _, body in receiver.got]
    assert ["firing", "firing", "firing", "resolved"] == states
    assert 1 == len({json.loads(body)["id"] for _, body in receiver.got[:3]})


def test_a_webhook_that_nobody_answers_holds_up_no_look_and_is_given_up_after_a_day(
    db: Database, make: Callable[..., Runtime]
) -> None:
    url = f"http://127.0.0.1:{any_free()}/{uuid4()}"
    rt = make(MESSAGING_ALERT_WEBHOOK_URL=url, MESSAGING_ALERT_WEBHOOK_SECRET=SECRET)
    all_live(db)
    with held(db, rt), capture_logs() as logs:
        look_twice(rt)
        assert 0 == alerting.tell(rt)
        db.execute("update messaging.alert_notices set at = at - interval '25 h'")
        look_twice(rt)
    assert ["alert_fired", "alert_untold", "alerts_given_up"] == [log["event"] for log in logs]
    assert "(URLError)" in logs[1]["reason"]
    assert url not in str(logs)


def test_a_command_reads_the_alert_and_finds_nothing_of_ours(
    db: Database, make: Callable[..., Runtime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t0ken")
    script = tmp_path / "tell me; exit 1.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "said = sys.stdin.read() + chr(10) + str(dict(os.environ)) + str(sys.argv[1:])\n"
        "pathlib.Path(__file__).with_suffix('.said').write_text(said)\n"
    )
    rt = make(MESSAGING_ALERT_COMMAND=f"{sys.executable} '{script}' --to '$HOME;ls'")
    all_live(db)
    with held(db, rt):
        look_twice(rt)
        assert (1, 0) == (alerting.tell(rt), alerting.tell(rt))
    told, environment = script.with_suffix(".said").read_text().splitlines()
    assert ("held", "firing") == (json.loads(told)["alert"], json.loads(told)["state"])
    assert "t0ken" not in environment
    assert environment.endswith("['--to', '$HOME;ls']")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("false", "the command ended with 1"),
        ("/nowhere/at/all", "the command cannot be run (FileNotFoundError)"),
        ("'", "the command cannot be run (ValueError)"),
    ],
)
def test_a_command_that_fails_is_tried_again(
    db: Database, make: Callable[..., Runtime], line: str, reason: str
) -> None:
    rt = make(MESSAGING_ALERT_COMMAND=line)
    all_live(db)
    with held(db, rt), capture_logs() as logs:
        look_twice(rt)
        assert 0 == alerting.tell(rt)
        again(db)
        assert 0 == alerting.tell(rt)
    assert [reason] * 2 == [log["reason"] for log in logs if log["event"] == "alert_untold"]


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def test_the_command_line_lists_what_fires(
    db: Database, make: Callable[..., Runtime], messaging: CommandLine
) -> None:
    assert (0, "No alert fires.\n") == (messaging("alerts").code, messaging("alerts").out)
    rt = make()
    all_live(db)
    db.execute("delete from messaging.heartbeats where role = 'beat'")
    with held(db, rt):
        alerting.look(rt)
        assert {"alerts": []} == messaging("alerts", "--json").json
        alerting.look(rt)
        ran = messaging("alerts")
        assert "1 job or more held for a person." in ran.out
        assert ADVICE[Name.HELD] in ran.out
        told = messaging("alerts", "--json").json["alerts"]
        assert [("held", "", 1.0), ("silent", "beat", None)] == [
            (one["alert"], one["subject"], one["value"]) for one in told
        ]
        assert "No sign of life of beat: none runs." == told[1]["what"]
