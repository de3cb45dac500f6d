"""What is told of deletion: how old things are, what is overdue, and what was deleted when."""

from collections.abc import Iterator

import pytest

from messaging import retention, runtime, upkeep
from messaging.commands.checks import retention as checks
from messaging.domain.keeping import Kept, Kind
from messaging.postgres import figures
from messaging.postgres import retention as rows
from messaging.postgres.reading import Seen
from messaging.runtime import Runtime
from messaging.settings import load
from messaging.web.meters import Meters, exposition
from tests.integration.command_line import CommandLine
from tests.integration.databases import Database, change, one
from tests.integration.test_retention import KEEP, begin_anew, old


@pytest.fixture
def keeping(environment: dict[str, str]) -> Iterator[Runtime]:
    rt = runtime.build(load({**environment, **KEEP}))
    yield rt
    rt.close()


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def standing(rt: Runtime, db: Database) -> dict[Kind, Kept]:
    return {one.kind: one for one in rows.kept(db, rt.settings.times)}


def overdue(rt: Runtime, db: Database) -> dict[str, int]:
    return {kind: one.overdue for kind, one in standing(rt, db).items() if one.overdue}


def history(db: Database) -> None:
    """Of each kind one that may go, and one that is old and stays, or young."""
    seen = one(db, "select now() - interval '60 days'")
    for status in ("sent", "canceled"):
        old(db, status, 60)
        old(db, status, 60, idempotency_key=f"still counts {status}")
        old(db, status, 2)
    old(db, "failed", 60, acknowledged_at=seen)
    old(db, "failed", 60)
    old(db, "failed", 100)
    for days in (100, 2):
        db.execute("select pgmq.send('sms_dlq', '{}')")
        db.execute(
            "update pgmq.q_sms_dlq set enqueued_at = now() - make_interval(days => %s) "
            "where msg_id = (select max(msg_id) from pgmq.q_sms_dlq)",
            [days],
        )
    db.execute(
        "insert into messaging.heartbeats (process, role, beaten_at) "
        "values ('gone', 'web', now() - interval '40 days')"
    )


def test_what_is_overdue_is_counted_until_it_is_gone(keeping: Runtime, db: Database) -> None:
    history(db)
    # The journals of the two that nobody has seen stay, and those of the young ones.
    expected = {"sent": 1, "withdrawn": 1, "failed": 2, "letters": 1, "processes": 1, "journal": 5}
    assert expected == overdue(keeping, db)
    oldest = {
        kind: (one.now - one.oldest).days
        for kind, one in standing(keeping, db).items()
        if one.oldest
    }
    assert {"sent": 60, "failed": 100, "withdrawn": 60, "letters": 100, "processes": 40} == {
        kind: days for kind, days in oldest.items() if kind != "journal"
    }
    retention.retain(keeping)
    assert {} == overdue(keeping, db)
    done = standing(keeping, db)
    assert {"sent": 1, "withdrawn": 1, "failed": 2, "letters": 1, "processes": 1} == {
        kind: one.removed_in_all for kind, one in done.items() if kind is not Kind.JOURNAL
    }
    assert all(one.removed_today == one.removed_in_all > 0 for one in done.values())
    assert all(one.removed_at and one.ran_at for one in done.values())


def test_what_stays_for_a_reason_is_not_overdue_when_another_day_begins(
    keeping: Runtime, db: Database
) -> None:
    history(db)
    retention.retain(keeping)
    db.execute("update messaging.retention_walks set at = '-infinity', event_id = 0")
    assert {} == overdue(keeping, db)


def test_what_may_go_since_the_walk_came_by_is_overdue_on_another_day(
    keeping: Runtime, db: Database
) -> None:
    id = old(db, "sent", 60, idempotency_key="still counts")
    retention.retain(keeping)
    change(db, id, {"idempotency_key": None})
    assert {} == overdue(keeping, db)
    db.execute("update messaging.retention_walks set at = '-infinity'")
    assert {"sent": 1} == overdue(keeping, db)


def test_a_walk_has_finished_when_nothing_is_left_to_look_at(
    keeping: Runtime, db: Database
) -> None:
    old(db, "sent", 60)
    db.execute("update messaging.retention_walks set finished_at = now() - interval '9 days'")
    retention.retain(keeping)
    late = standing(keeping, db)
    assert (True, None) == (
        late[Kind.SENT].finished_at < late[Kind.SENT].now,
        late[Kind.SENT].behind,
    )
    assert 8 < (late[Kind.SENT].now - late[Kind.SENT].finished_at).days, "it has looked at one"
    assert 0 == (late[Kind.FAILED].now - late[Kind.FAILED].finished_at).days
    retention.retain(keeping)
    assert {0} == {(one.now - one.finished_at).days for one in standing(keeping, db).values()}


def test_whoever_finds_a_walk_taken_says_nothing_of_it(keeping: Runtime, db: Database) -> None:
    history(db)
    with db.transaction():
        db.execute("select from messaging.retention_walks for update")
        assert (0, 1, 1) == (
            (done := retention.retain(keeping)).jobs, done.letters, done.processes
        ), "nobody waits for it"  # fmt: skip
    assert {None} == {one.ran_at for one in standing(keeping, db).values()}


def test_the_count_of_a_day_ends_with_it(keeping: Runtime, db: Database) -> None:
    old(db, "sent", 60)
    retention.retain(keeping)
    db.execute("update messaging.retention_walks set removed_at = removed_at - interval '1 day'")
    assert (0, 1) == counted(keeping, db)
    old(db, "sent", 60)
    begin_anew(db)
    retention.retain(keeping)
    assert (1, 2) == counted(keeping, db)


def counted(rt: Runtime, db: Database) -> tuple[int, int]:
    sent = standing(rt, db)[Kind.SENT]
    return sent.removed_today, sent.removed_in_all


def test_the_report_tells_each_kind_and_what_no_setting_deletes(
    messaging: CommandLine, keeping: Runtime, db: Database
) -> None:
    history(db)
    messaging.set(**KEEP)
    assert 0 == messaging("retention").code, "nobody can be late yet"
    stand_idle(db)
    before = messaging("retention", "--json")
    assert 4 == before.code
    assert {"has never run"} == {one["behind"] for one in before.json["kinds"]}
    for _ in range(2):
        retention.retain(keeping)
    db.execute(
        "insert into messaging.inbound_messages (sid, sender, recipient, body, media_urls, at) "
        "values ('SM1', '+15555550100', '+15005550006', 'Hi', '{}', now() - interval '9 days')"
    )
    ran = messaging("retention")
    assert (0, "") == (ran.code, ran.err)
    assert "sent messages" in ran.out
    found = messaging("retention", "--json").json
    assert list(Kind) == [one["kind"] for one in found["kinds"]]
    sent, *_ = found["kinds"]
    assert (30, 0, 1, None) == tuple(
        sent[name] for name in ("keep_days", "overdue", "removed_today", "behind")
    )
    assert found["otherwise"]["inbound"] is not None
    assert {"inbound", "ledger", "series", "archives", "cap_uses"} == set(found["otherwise"])


def test_a_check_says_when_deletion_that_is_wanted_does_not_keep_up(
    rt: Runtime, keeping: Runtime, db: Database
) -> None:
    assert ("ok", True) == looked(rt, "kept for good")
    stand_idle(db)
    assert ("warning", True) == looked(keeping, "sent has never run")
    for _ in range(2):
        retention.retain(keeping)
    assert ("ok", True) == looked(keeping, "keeps up with 5 kinds")
    old(db, "sent", 60)
    db.execute("update messaging.retention_walks set finished_at = now() - interval '3 days'")
    assert ("warning", True) == looked(keeping, "sent has come to no end for 3 d: 1 overdue")


def stand_idle(db: Database) -> None:
    """Nothing is deleted for two hours."""
    db.execute("update messaging.retention_walks set finished_at = now() - interval '2 hours'")


def looked(rt: Runtime, words: str) -> tuple[str, bool]:
    found = checks.look(rt.settings)
    return found.state, words in found.what


def test_metrics_tell_the_same(keeping: Runtime, db: Database) -> None:
    history(db)
    retention.retain(keeping)
    old(db, "sent", 60)
    seen = Seen(value=figures.read(db, keeping.settings.times), behind=None)
    lines = exposition(Meters(), seen, None).decode().splitlines()
    for expected in [
        'messaging_retention_keep_seconds{kind="journal"} 864000.0',
        'messaging_retention_overdue{kind="sent"} 1.0',
        'messaging_retention_overdue{kind="failed"} 0.0',
        'messaging_retention_removed{kind="failed"} 2.0',
    ]:
        assert expected in lines
    names = {line.split("{")[0] for line in lines if 'kind="letters"' in line}
    ages = {
        f"messaging_retention_{word}_timestamp_seconds" for word in ("ran", "finished", "oldest")
    }
    assert ages <= names


def test_uses_of_caps_are_forgotten_also_where_there_are_no_caps_any_more(
    rt: Runtime, db: Database
) -> None:
    db.execute(
        "insert into messaging.cap_uses values "
        "(gen_random_uuid(), 1, '+15555550100', now() - interval '26 hours', 1, 0)"
    )
    upkeep.sweep(rt)
    assert 0 == one(db, "select count(*) from messaging.cap_uses")
