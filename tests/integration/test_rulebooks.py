"""Which rules were asked: on record for each text, by a key that can be looked up."""

from contextlib import closing

import psycopg
import pytest

from messaging import delivery, handover, runtime
from messaging.domain.destinations import ANYWHERE
from messaging.domain.job import Lane
from messaging.local.simulator import Simulator
from messaging.postgres import rulebooks
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.command_line import CommandLine
from tests.integration.databases import Database, one
from tests.integration.story import insert, row, take, work
from tests.integration.test_quiet_hours import zone_at

PINNED = {
    "stop": (1, ("not_stopped(uuid[])", "park(uuid[])", "admit(uuid[],jsonb)"), "3814ba2e4cb7"),
    "cap": (1, ("within_caps(uuid[],jsonb)",), "9c41b9c656cc"),
    "recipient_cap": (1, ("within_caps(uuid[],jsonb)",), "9c41b9c656cc"),
    "dead_number": (1, ("suppress_dead(uuid[])",), "2722778e5982"),
    "opt_out": (1, ("withdraw(text,text,text)",), "4dce7936f41b"),
    "deadline": (1, ("expire(integer)", "expire_new_job()"), "70c26d78d137"),
}
"""What each version of a rule in SQL is. Whoever changes one of these functions adds a row to
`messaging.rule_versions` in the same migration, unless it rules as before, and pins it here."""
DIGEST = """
select left(md5(string_agg(prosrc, '' order by place)), 12)
from unnest(%s::text[]) with ordinality as named (name, place)
join pg_proc on oid = ('messaging.' || name)::regprocedure
"""


@pytest.fixture
def explained(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def texts(command_line: CommandLine, id: object) -> list[str]:
    told = command_line("explain", str(id), "--json")
    assert told.err == ""
    journal = told.json["journal"]
    return [line["text"] for line in journal]


def test_a_text_that_was_sent_names_the_rules_that_it_passed(
    rt: Runtime, db: Database, twilio: Simulator, explained: CommandLine
) -> None:
    id = insert(db)
    work(rt)
    key = one(db, "select details ->> 'rules' from messaging.message_events where job_id = %s", id)
    assert [key] == [key for (key,) in db.execute("select key from messaging.rulebooks")]
    _, asked, sent = texts(explained, id)
    rules = "stop 1, cap 1, consent 1, deadline 1, dead number 1, destination 1, quiet hours 1"
    assert asked.startswith(f"Rules asked, with nothing against it: {rules}")
    assert "Twilio took it" in sent


def test_a_text_that_waits_tells_every_rule_and_what_it_said(
    rt: Runtime, db: Database, explained: CommandLine
) -> None:
    """It was handed over by day and is claimed at night, as after a long backlog."""
    id = insert(db, category="marketing", time_zone=zone_at(db, 12))
    hints = take(rt)
    db.execute("update message_jobs set time_zone = %s", [zone_at(db, 3)])
    delivery.deliver(rt, Lane.NORMAL, hints)
    assert "scheduled" == row(db, id).status
    told = " ".join(texts(explained, id))
    assert "Rules asked: consent 1: nothing against it; deadline 1: nothing against it;" in told
    assert "quiet hours 1: It waits until 08:00 on" in told


def test_a_text_that_is_deferred_as_it_comes_names_the_version(
    rt: Runtime, db: Database, explained: CommandLine
) -> None:
    id = insert(db, category="marketing", time_zone=zone_at(db, 3))
    work(rt)
    assert "scheduled" == row(db, id).status
    assert any(
        text.startswith("The rule was quiet hours 1, laws as of") for text in texts(explained, id)
    )


def test_a_text_to_a_dead_number_names_the_version_of_the_rule_in_sql(
    db: Database, explained: CommandLine
) -> None:
    db.execute(
        "insert into messaging.dead_numbers (phone, error_code, until) "
        "values ('+15555550100', 30006, now() + interval '1 day')"
    )
    id = insert(db, prepared_at="2026-01-01")
    assert "suppressed" == row(db, id).status
    assert "The rule was dead number 1." in texts(explained, id)


def test_a_text_that_twilio_keeps_names_its_rules_too(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    native = load({**environment, "TWILIO_NATIVE_SCHEDULING": "true"})
    with closing(runtime.build(native)) as rt:
        later = one(db, "select now() + interval '2 hours'")
        id = insert(db, scheduled_for=later)
        assert 1 == handover.hand_over(rt)
    journal = "select details ? 'rules' from messaging.message_events where job_id = %s"
    assert one(db, journal, id) is True


def test_a_rulebook_is_written_once_and_again_after_it_was_lost(rt: Runtime, db: Database) -> None:
    """A restore may have lost it; where texts may go is read anew each five seconds."""
    first = rt.rulebooks.of(rt.db.connection, ANYWHERE)
    assert first is rt.rulebooks.of(rt.db.connection, ANYWHERE)
    db.execute("truncate messaging.rulebooks")
    assert first is rt.rulebooks.of(rt.db.connection, ANYWHERE)
    rt.rulebooks.of(rt.db.connection, rt.bounds.of(rt.db.connection))
    again = rt.rulebooks.of(rt.db.connection, ANYWHERE)
    assert first.key == again.key
    assert {} == rulebooks.of_job(db, insert(db))  # type: ignore[arg-type]
    assert one(db, "select count(*) from messaging.rulebooks where key = %s", first.key) == 1


@pytest.mark.parametrize("table", ["rulebooks", "rule_versions"])
@pytest.mark.parametrize("change", ["delete from {}", "update {} set {}"])
def test_what_rules_said_is_never_changed(
    rt: Runtime, db: Database, table: str, change: str
) -> None:
    rt.rulebooks.of(rt.db.connection, ANYWHERE)
    column = {"rulebooks": "key = 'x'", "rule_versions": "version = 9"}[table]
    with pytest.raises(psycopg.errors.RestrictViolation):
        db.execute(change.format(f"messaging.{table}", column).encode())


@pytest.mark.parametrize("rule", PINNED)
def test_a_rule_in_sql_that_changes_has_another_version(db: Database, rule: str) -> None:
    version, functions, digest = PINNED[rule]
    newest = one(db, "select max(version) from messaging.rule_versions where rule = %s", rule)
    now = (newest, one(db, DIGEST, list(functions)))
    assert (version, digest) == now, "add its next version, then pin what it is"
