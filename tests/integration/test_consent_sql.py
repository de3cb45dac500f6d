"""The ledger of consent in Postgres: only appended to, and what it makes known."""

import json
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.consent import Consent, last_word
from messaging.domain.job import Phone
from messaging.postgres import consent
from tests.integration.story import TO, entries, insert, kinds, row

Database = Connection[TupleRow]
PHONE = Phone(TO)
PROOF = {"ticket": "4711"}


def say(db: Database, state: Consent, category: str = "all", phone: Phone = PHONE) -> int:
    return consent.record(
        db, phone, state, source="operator", evidence=PROOF, category=category, by="ann"
    )


def word(db: Database, category: str = "transactional") -> Consent | None:
    return last_word(consent.standings(db, [PHONE]).said.get(PHONE, ()), category)


def test_every_change_has_its_source_evidence_and_time(db: Database) -> None:
    say(db, Consent.OPTED_IN)
    say(db, Consent.OPTED_OUT)
    story = consent.story(db, PHONE)
    assert [("opted_in", "operator", "ann"), ("opted_out", "operator", "ann")] == [
        (chapter.state, chapter.source, chapter.by) for chapter in story
    ]
    assert [PROOF, PROOF] == [json.loads(chapter.evidence) for chapter in story]
    assert story[0].at < story[1].at


@pytest.mark.parametrize(
    "change",
    [
        "update messaging.consent_events set state = 'opted_in'",
        "delete from messaging.consent_events",
        "truncate messaging.consent_events cascade",
    ],
)
def test_the_ledger_cannot_be_changed(db: Database, change: str) -> None:
    say(db, Consent.OPTED_OUT)
    with pytest.raises(psycopg.errors.RestrictViolation, match="only appended to"):
        db.execute(change.encode())
    assert 1 == len(consent.story(db, PHONE))


@pytest.mark.parametrize(
    ("phone", "evidence", "wrong"),
    [("555", PROOF, "E.164"), (TO, {}, "how you know")],
)
def test_what_cannot_be_proved_is_not_recorded(
    db: Database, phone: str, evidence: dict[str, str], wrong: str
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=wrong):
        consent.record(
            db,
            Phone(phone),
            Consent.OPTED_IN,
            source="operator",
            evidence=evidence,
            category="all",
            by=None,
        )
    assert [] == consent.story(db, Phone(phone))


def test_the_later_word_counts(db: Database) -> None:
    assert None is word(db)
    say(db, Consent.OPTED_IN, "marketing")
    assert (None, Consent.OPTED_IN) == (word(db), word(db, "marketing"))
    say(db, Consent.OPTED_OUT)
    assert (Consent.OPTED_OUT, Consent.OPTED_OUT) == (word(db), word(db, "marketing"))
    say(db, Consent.OPTED_IN, "marketing")
    assert (Consent.OPTED_OUT, Consent.OPTED_IN) == (word(db), word(db, "marketing"))


def test_a_stop_that_is_being_carried_out_counts_before_all_else(db: Database) -> None:
    say(db, Consent.OPTED_IN)
    assert consent.begin_stop(db, PHONE, "operator", PROOF, "ann")
    assert not consent.begin_stop(db, PHONE, "operator", PROOF, "bob")
    assert Consent.OPTED_OUT is word(db)
    assert (0, None) == (consent.finish_stop(db, PHONE), consent.finish_stop(db, PHONE))
    assert ["opted_in", "opted_out"] == [chapter.state for chapter in consent.story(db, PHONE)]


def waiting(db: Database, status: str, **columns: object) -> UUID:
    """A job in this status, put there as the service does."""
    id = insert(db, **columns)
    db.execute("update message_jobs set prepared_at = now() where id = %s", [id])
    for step in {
        "scheduled": ["scheduled"],
        "pending": [],
        "processing": ["processing"],
        "retrying": ["processing", "retrying"],
        "in_doubt": ["processing", "in_doubt"],
        "held": ["held"],
        "failed": ["failed"],
    }[status]:
        db.execute(
            "update message_jobs set status = %s, due_at = now() + interval '1 h' where id = %s",
            [step, id],
        )
    return id


def test_a_no_ends_everything_that_waits_and_nothing_else(db: Database) -> None:
    ended = [waiting(db, status) for status in ("scheduled", "pending", "retrying")]
    kept = [waiting(db, status) for status in ("processing", "in_doubt", "held", "failed")]
    other = waiting(db, "pending", recipient_phone="+15555550101")
    say(db, Consent.OPTED_OUT)
    assert ["suppressed"] * 3 == [row(db, id).status for id in ended]
    assert ["suppressed"] == kinds(db, ended[0])
    assert ["processing", "in_doubt", "held", "failed"] == [row(db, id).status for id in kept]
    assert "pending" == row(db, other).status
    recall = db.execute("select recall from message_jobs where id = %s", [kept[0]]).fetchone()
    assert ("cancel",) == recall


def test_a_text_that_twilio_keeps_is_asked_back(db: Database) -> None:
    id = waiting(db, "scheduled")
    db.execute(
        "update message_jobs set handed_over_at = now(), twilio_sid = %s where id = %s",
        ["SM" + "1" * 32, id],
    )
    say(db, Consent.OPTED_OUT)
    assert ("scheduled", ["canceling"]) == (row(db, id).status, kinds(db, id))
    wanted = db.execute("select recall, due_at <= now() from message_jobs where id = %s", [id])
    assert [("cancel", True)] == wanted.fetchall()


def test_a_no_to_one_category_leaves_the_others_waiting(db: Database) -> None:
    id = waiting(db, "pending")
    say(db, Consent.OPTED_OUT, "marketing")
    assert ("pending", None) == (row(db, id).status, word(db))


def test_twilios_refusal_of_a_number_is_an_opt_out(db: Database) -> None:
    id = waiting(db, "processing")
    db.execute("update message_jobs set status = 'failed', error_code = 21610 where id = %s", [id])
    (chapter,) = consent.story(db, PHONE)
    assert ("opted_out", "twilio") == (chapter.state, chapter.source)
    assert {"code": 21610, "job": str(id)} == json.loads(chapter.evidence)
    again = waiting(db, "processing")
    db.execute(
        "update message_jobs set status = 'failed', error_code = 21610 where id = %s", [again]
    )
    assert 1 == len(consent.story(db, PHONE)), "it is known"


def test_the_entries_of_ended_texts_are_dropped_unsent(db: Database) -> None:
    insert(db)
    assert 1 == len(entries(db))
    say(db, Consent.OPTED_OUT)
    assert [("suppressed",)] == db.execute("select status from message_jobs").fetchall()
