"""A STOP against real servers: nothing to that number starts once it is committed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import delivery, handover, optout, runtime, upkeep
from messaging.domain.consent import Consent
from messaging.domain.erasure import Keyring
from messaging.domain.job import JobId, Lane, Phone
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.postgres import consent, jobs
from messaging.runtime import Runtime
from messaging.settings import load
from messaging.steps.standing import standings
from tests.integration.story import TO, insert, row, take, work
from tests.integration.test_handover import later

Database = Connection[TupleRow]
PHONE = Phone(TO)
PROOF = {"ticket": "4711"}
LEASE = timedelta(seconds=45)


def begin(rt: Runtime) -> None:
    optout.begin(rt, PHONE, "operator", PROOF, "ann")


def ledger(db: Database) -> list[str | None]:
    return [chapter.state for chapter in consent.story(db, PHONE)]


def test_a_text_to_a_number_that_opted_out_is_suppressed(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    begin(rt)
    optout.carry_out(rt, PHONE)
    id = insert(db)
    insert(db, recipient_phone="+15555550101", message_content="to another")
    assert Counter({"suppressed": 1, "sent": 1}) == work(rt).outcomes
    assert "suppressed" == row(db, id).status
    assert ["to another"] == [message.body for message in twilio.ledger.outbound]


def test_nothing_is_claimed_from_the_first_commit_on(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    insert(db)
    begin(rt)
    assert Counter({"suppressed": 1}) == work(rt).outcomes
    assert ([], []) == (ledger(db), list(twilio.ledger.outbound))


def test_a_start_lets_new_texts_through_and_revives_none(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    old = insert(db, message_content="old")
    begin(rt)
    assert 1 == optout.carry_out(rt, PHONE)
    consent.record(
        db, PHONE, Consent.OPTED_IN, source="operator", evidence=PROOF, category="all", by=None
    )
    insert(db, message_content="new")
    assert Counter({"sent": 1}) == work(rt).outcomes
    assert ("suppressed", ["new"]) == (
        row(db, old).status,
        [message.body for message in twilio.ledger.outbound],
    )


def test_a_stop_waits_for_a_text_that_is_under_way(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db)
    hints = take(rt)
    twilio.faults.add(Rule(kind=Kind.HANG_BEFORE))
    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(delivery.deliver, rt, Lane.NORMAL, hints)
        assert wait_until(lambda: bool(twilio.holds.held), limit=10)
        begin(rt)
        stopping = pool.submit(optout.carry_out, rt, PHONE)
        assert not is_quiet(db)
        assert (False, []) == (stopping.done(), ledger(db))
        twilio.release()
        assert Counter({"sent": 1}) == sending.result().outcomes
        assert 0 == stopping.result()
    assert ("sent", ["opted_out"]) == (row(db, id).status, ledger(db))


def is_quiet(db: Database, deadline: timedelta = LEASE) -> bool:
    return consent.is_quiet(db, PHONE, consent.horizon(db), deadline)


def test_a_claim_that_did_not_know_of_the_stop_is_waited_for(
    rt: Runtime, db: Database, database_url: str
) -> None:
    """It has claimed before the first commit, and commits after it: nobody can see it meanwhile."""
    id = insert(db)
    take(rt)
    with psycopg.connect(database_url) as claiming:
        [claim] = jobs.claim(claiming, [JobId(id)], LEASE)
        assert not standings(claiming, [claim.recipient_phone], Keyring()), "it knows of nothing"
        begin(rt)
        horizon = consent.horizon(db)
        assert not consent.is_quiet(db, PHONE, horizon, LEASE)
        claiming.commit()
    assert not consent.is_quiet(db, PHONE, horizon, LEASE), "it may be written now"
    assert consent.is_quiet(db, PHONE, horizon, timedelta(0)), "and not for ever"


def test_a_claim_that_began_before_the_first_commit_and_took_its_jobs_after_it_knows(
    rt: Runtime, db: Database, database_url: str
) -> None:
    id = insert(db)
    take(rt)
    with psycopg.connect(database_url) as claiming:
        claiming.execute("select 1")
        begin(rt)
        said = partial(standings, claiming, keyring=Keyring())
        [claim] = jobs.claim(claiming, [JobId(id)], LEASE, standings=said)
        assert claim.said


def test_a_stop_that_nobody_finished_is_finished_by_the_sweep(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db)
    begin(rt)
    upkeep.sweep(rt)
    assert [] == ledger(db), "somebody may be at it"
    db.execute("update messaging.stopping set since = since - interval '1 min'")
    upkeep.sweep(rt)
    assert ("suppressed", ["opted_out"]) == (row(db, id).status, ledger(db))


def test_a_text_that_is_handed_over_to_twilio_is_reviewed_too(
    environment: dict[str, str], rt: Runtime, db: Database, twilio: Simulator
) -> None:
    begin(rt)
    optout.carry_out(rt, PHONE)
    native = runtime.build(load({**environment, "TWILIO_NATIVE_SCHEDULING": "true"}))
    id = later(db)
    assert 0 == handover.hand_over(native)
    native.close()
    assert ("suppressed", []) == (row(db, id).status, list(twilio.ledger.outbound))


def test_a_category_that_needs_an_opt_in_waits_for_none(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_REQUIRE_CONSENT": "transactional"}))
    unknown = insert(db)
    known = insert(db, recipient_phone="+15555550101", message_content="known")
    consent.record(
        db,
        Phone("+15555550101"),
        Consent.OPTED_IN,
        source="operator",
        evidence=PROOF,
        category="transactional",
        by=None,
    )
    assert Counter({"suppressed": 1, "sent": 1}) == work(rt).outcomes
    rt.close()
    assert ("suppressed", "sent") == (row(db, unknown).status, row(db, known).status)
    assert ["known"] == [message.body for message in twilio.ledger.outbound]
