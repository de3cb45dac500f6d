"""`stop`, `resume`, `stops`: every switch shown, undone, and on record."""

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import alerting, runtime
from messaging.domain.alerts import Fired, Name
from messaging.settings import load
from tests.integration.command_line import CommandLine
from tests.integration.story import insert, work

Database = Connection[TupleRow]
SWITCHES = [
    ((), "all", ""),
    (("--lane", "urgent"), "lane", "urgent"),
    (("--country", "ca"), "country", "CA"),
    (("--country", "+44"), "country", "+44"),
    (("--campaign", "spring"), "campaign", "spring"),
]


@pytest.fixture
def cli(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


@pytest.mark.parametrize(("words", "scope", "value"), SWITCHES)
def test_every_switch_is_shown_and_undone(
    cli: CommandLine, words: tuple[str, ...], scope: str, value: str
) -> None:
    assert 0 == cli("stop", *words, "--reason", "a wrong text", "--by", "ann").code
    (shown,) = cli("stops", "--json").json["stops"]
    assert (scope, value, "a wrong text", "ann") == tuple(
        shown[name] for name in ("scope", "value", "reason", "stopped_by")
    )
    assert f"Stopped: {scope} {value}".strip() in cli("queues").out
    assert "already" in cli("stop", *words, "--reason", "again").err

    assert 0 == cli("resume", *words, "--by", "bob").code
    assert "Nothing is stopped." in cli("stops").out
    assert "resumed" in cli("stops", "--past").out
    (past,) = cli("stops", "--past", "--json").json["past"]
    assert ("ann", "bob") == (past["stopped_by"], past["resumed_by"])
    assert 3 == cli("resume", *words).code


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--lane", "fast"), "'fast' is no lane that could be stopped"),
        (("--country", "Atlantis"), "'ATLANTIS' is no country that could be stopped"),
        (("--lane", "urgent", "--country", "US"), "Give one of --lane, --country and --campaign"),
        (("--campaign", ""), "'' is no campaign that could be stopped"),
    ],
)
def test_what_cannot_be_stopped_is_refused(
    cli: CommandLine, words: tuple[str, ...], sentence: str
) -> None:
    ran = cli("stop", *words, "--reason", "x")
    assert 2 == ran.code
    assert sentence in ran.err


def test_a_stop_needs_a_reason(cli: CommandLine) -> None:
    assert 2 == cli("stop").code
    assert "a stop needs a reason" in cli("stop", "--reason", " ").err


def test_a_message_says_what_it_waits_for(
    cli: CommandLine, db: Database, rt: runtime.Runtime
) -> None:
    cli("stop", "--campaign", "spring", "--reason", "wrong prices", "--by", "ann")
    id = insert(db, metadata='{"campaign": "spring"}')
    work(rt)
    told = cli("explain", id).out
    assert "It waits until sending is resumed: Sending is stopped for campaign spring" in told
    assert "It was set aside, because sending is stopped for campaign spring: wrong prices." in told


def test_a_message_says_which_cap_it_waits_for(
    cli: CommandLine, environment: dict[str, str], db: Database
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_CAP_RECIPIENT_DAY": "1"}))
    insert(db)
    late = insert(db)
    work(rt)
    rt.close()
    told = cli("explain", late).out
    assert "This number has had as many texts as it may have in an hour or a day." in told
    assert "It was put off until" in told


def test_caps_are_shown_with_what_they_have_counted(
    cli: CommandLine, environment: dict[str, str], db: Database
) -> None:
    caps = {"MESSAGING_CAP_MESSAGES_DAY": "2", "MESSAGING_CAP_USD_DAY": "9.5"}
    rt = runtime.build(load({**environment, **caps}))
    insert(db)
    work(rt)
    rt.close()
    cli.set(**caps)
    rooms = {room["unit"]: room["counted"] for room in cli("stops", "--json").json["caps"]}
    assert {"messages": "1", "usd": "0.0133"} == rooms
    assert "This day: 1 of 2 messages." in cli("stops").out


def test_a_stop_and_a_cap_that_is_reached_are_alerts(
    environment: dict[str, str], db: Database, cli: CommandLine
) -> None:
    wanted = {"MESSAGING_CAP_MESSAGES_DAY": "1", "MESSAGING_ALERT_PATIENCE": "0"}
    rt = runtime.build(load({**environment, **wanted}))
    insert(db)
    work(rt)
    cli("stop", "--lane", "urgent", "--reason", "x")
    alerting.look(rt)
    fired = {
        (change.alert.name, change.alert.subject)
        for change in alerting.look(rt)
        if isinstance(change, Fired)
    }
    assert {(Name.STOPPED, "lane urgent"), (Name.CAP_REACHED, "")} <= fired
    rt.close()


def test_check_names_what_is_stopped_and_recommends_a_list_of_countries(cli: CommandLine) -> None:
    cli("stop", "--reason", "x")
    findings = {one["name"]: one for one in cli("check", "--json").json["findings"]}
    assert "Sending is stopped: all" == findings["stops"]["what"]
    assert "MESSAGING_COUNTRIES" in findings["countries"]["advice"]
    cli.set(MESSAGING_COUNTRIES="US,CA")
    findings = {one["name"]: one for one in cli("check", "--json").json["findings"]}
    assert "texts may go to CA, US" == findings["countries"]["what"]
