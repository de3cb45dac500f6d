"""How long recovery took, and how doubts ended: from journals, leases and kills."""

import pytest

from messaging.local.chaos.doubts import Doubts, doubts
from messaging.local.chaos.records import Happening, Records
from messaging.local.chaos.recovery import Holdings, Times, in_doubt, unsent
from messaging.local.twilio import Accepted

ID = "job-1"
USUAL = Times(entry_lease=50.0, send_lease=45.0, quiescence=60.0)
BEFORE_AND_AFTER = [90.0, 103.0, 140.0]
"""Kills: the one in the middle is the first after a lease or a claim at 100."""


def row(kind: str, at: float, sid: str | None = None, status: str | None = None) -> Happening:
    return Happening(job_id=ID, at=at, kind=kind, attempt=1, sid=sid, status=status)


def records(accepted: float | None, *journal: Happening) -> Records:
    ledger = [
        Accepted(sid="SM1", job=ID, attempt=1, to="+12025550101", body="Hello", at=at)
        for at in (accepted,)
        if at is not None
    ]
    return Records(jobs=[], journal=journal, ledger=ledger)


def leased(*times: float) -> Holdings:
    return Holdings(leases={ID: times}, claims={})


def claimed(at: float) -> Holdings:
    return Holdings(leases={}, claims={(ID, 1): at})


def test_the_usual_times_give_the_promised_limits() -> None:
    assert (65.0, 90.0) == (USUAL.unsent, USUAL.in_doubt)


def test_a_text_whose_lease_ran_out_recovers_when_twilio_has_it() -> None:
    found = unsent(records(161.0), leased(100.0, 160.5), BEFORE_AND_AFTER, USUAL)
    assert (1, 58.0, 58.0, 58.0) == (found.texts, found.p50, found.p99, found.longest)
    assert found.is_within


def test_of_a_text_that_was_leased_in_vain_twice_the_longest_time_counts() -> None:
    found = unsent(records(221.0), leased(100.0, 160.0), [103.0, 170.0], USUAL)
    assert (1, 118.0) == (found.texts, found.longest)


def test_a_lease_that_was_cut_short_by_an_empty_redis_counts_too() -> None:
    found = unsent(records(111.0), leased(100.0, 110.5), BEFORE_AND_AFTER, USUAL)
    assert (1, 8.0) == (found.texts, found.longest)


def test_the_slowest_are_named_the_slowest_first() -> None:
    holdings = Holdings(
        leases={"a": [100.0], "b": [100.0]}, claims={("a", 1): 160.0, ("b", 1): 170.0}
    )
    assert [("b", 67.0), ("a", 57.0)] == unsent(records(None), holdings, [103.0], USUAL).slowest


@pytest.mark.parametrize(
    ("accepted", "journal", "blows"),
    [
        pytest.param(101.0, (), BEFORE_AND_AFTER, id="sent at once"),
        pytest.param(190.0, (row("settled", 102.0),), BEFORE_AND_AFTER, id="retried"),
        pytest.param(161.0, (), [90.0, 170.0], id="nobody was killed meanwhile"),
        pytest.param(None, (), BEFORE_AND_AFTER, id="never sent"),
    ],
)
def test_a_text_that_no_kill_interrupted_does_not_count(
    accepted: float | None, journal: tuple[Happening, ...], blows: list[float]
) -> None:
    assert 0 == unsent(records(accepted, *journal), leased(100.0), blows, USUAL).texts


def test_a_text_that_takes_too_long_is_not_within_the_limit() -> None:
    found = unsent(records(170.0), leased(100.0), BEFORE_AND_AFTER, USUAL)
    assert (67.0, False) == (found.p99, found.is_within)


@pytest.mark.parametrize(
    ("accepted", "journal", "expected"),
    [
        pytest.param(101.0, [row("reconciled", 152.0, sid="SM1")], 49.0, id="found in the list"),
        pytest.param(101.0, [row("receipt", 149.0, sid="SM1")], 46.0, id="a receipt"),
        pytest.param(
            168.0,
            [row("reconciled", 166.0, status="pending"), row("settled", 168.2, sid="SM1")],
            65.2,
            id="proved not sent, and sent again",
        ),
    ],
)
def test_a_text_in_doubt_recovers_when_its_doubt_is_settled(
    accepted: float, journal: list[Happening], expected: float
) -> None:
    swept = row("swept", 147.0, status="in_doubt")
    found = in_doubt(records(accepted, swept, *journal), claimed(100.0), BEFORE_AND_AFTER, USUAL)
    assert (1, expected) == (found.texts, found.p50)


def test_a_claim_that_nobody_saw_is_taken_to_be_a_send_lease_before_the_sweep() -> None:
    journal = [row("swept", 147.0), row("receipt", 149.0, sid="SM1")]
    found = in_doubt(records(101.0, *journal), leased(), [101.0, 103.0], USUAL)
    assert 46.0 == found.p50


def test_doubts_are_counted_by_cause_and_by_end() -> None:
    def of(job: str, *rows: Happening) -> list[Happening]:
        return [
            Happening(
                job_id=job, at=one.at, kind=one.kind, attempt=1, sid=one.sid, status=one.status
            )
            for one in rows
        ]

    swept, unseen = row("swept", 1, None, "in_doubt"), row("settled", 1, None, "in_doubt")
    journal = [
        *of("a", swept, row("receipt", 2, "SM1")),
        *of("b", swept, row("reconciled", 2, None, "pending"), row("settled", 3, "SM2", "sent")),
        *of("c", unseen, row("reconciled", 2, "SM3", "sent")),
        *of("d", swept, row("settled", 2, "SM4", "sent")),
        *of("e", unseen, row("reconciled", 2, None, "held")),
        *of("f", unseen, row("reconciled", 2, None, "failed")),
        *of("g", unseen),
        *of("h", row("settled", 1, "SM5", "sent")),
    ]
    assert doubts(journal) == Doubts(
        total=7,
        causes={"the worker did not come back": 3, "Twilio's answer was not seen": 4},
        ends={
            "a receipt came": 1,
            "proved not sent, and sent again": 1,
            "found in Twilio's list": 1,
            "the answer came late": 1,
            "held for a person": 1,
            "given up": 1,
            "still open": 1,
        },
    )
