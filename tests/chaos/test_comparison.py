"""The comparison of the two records: a row for each thing that can be wrong, and for none."""

from dataclasses import dataclass, field, fields

import pytest

from messaging.local.chaos.comparison import Findings, compare
from messaging.local.chaos.records import Happening, Job, Records
from messaging.local.twilio import Accepted

ID, BODY, SID = "job-1", "Hello", "SM1"
OTHER = Job(id="job-2", body="Other", status="sent", attempt=1, sid="SM2", error_code=None)
OTHERS = Accepted(sid="SM2", job="job-2", attempt=1, to="+12025550102", body="Other", at=0.0)


def job(status: str = "sent", sid: str | None = SID, **more: object) -> Job:
    given = {"id": ID, "body": BODY, "status": status, "attempt": 1, "sid": sid} | more
    return Job(**({"error_code": None} | given))  # type: ignore[arg-type]


SENT = job()


def row(kind: str, attempt: int | None = 1, sid: str | None = None, status: str = "") -> Happening:
    return Happening(job_id=ID, at=0.0, kind=kind, attempt=attempt, sid=sid, status=status or None)


def text(sid: str = SID, job: str | None = ID, body: str = BODY) -> Accepted:
    return Accepted(sid=sid, job=job, attempt=1, to="+12025550101", body=body, at=0.0)


SETTLED = row("settled", sid=SID, status="sent")
DOUBTED = row("settled", status="in_doubt")
SWEPT = row("swept", status="in_doubt")
FOUND = row("reconciled", sid=SID, status="sent")
AGAIN = row("reconciled", status="pending")
RECEIPT = row("receipt", sid=SID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A job, its journal, what Twilio has, and what is wrong with that."""

    job: Job = SENT
    journal: tuple[Happening, ...] = (SETTLED,)
    ledger: tuple[Accepted, ...] = (text(),)
    wrong: set[str] = field(default_factory=set)


SITUATIONS = {
    "sent once": Situation(),
    "refused by Twilio": Situation(
        job=job("failed", None, error_code=21211), journal=(row("settled"),), ledger=()
    ),
    "waiting for its time": Situation(
        job=job("scheduled", None, attempt=0, waits=True), journal=(), ledger=()
    ),
    "never at Twilio": Situation(journal=(SETTLED,), ledger=(), wrong={"lost", "falsely_sent"}),
    "given up without a refusal": Situation(
        job=job("failed", None), journal=(row("settled"),), ledger=(), wrong={"lost"}
    ),
    "left in pending": Situation(
        job=job("pending", None, attempt=0), journal=(), ledger=(), wrong={"lost", "stuck"}
    ),
    "its time passed": Situation(
        job=job("scheduled", None, attempt=0), journal=(), ledger=(), wrong={"lost", "stuck"}
    ),
    "left in doubt": Situation(job=job("in_doubt", None), journal=(SWEPT,), wrong={"stuck"}),
    "held": Situation(job=job("held", None), journal=(SWEPT,), wrong={"held"}),
    "twice by text": Situation(ledger=(text(), text("SM9", None)), wrong={"doubled"}),
    "twice by job": Situation(ledger=(text(), text("SM9", ID, "Altered")), wrong={"doubled"}),
    "another's SID": Situation(job=job(sid="SM2"), wrong={"falsely_sent"}),
    "no SID": Situation(job=job(sid=None), wrong={"falsely_sent"}),
    "failed, and at Twilio": Situation(job=job("failed", None, error_code=21211), wrong={"denied"}),
    "a receipt came first": Situation(journal=(RECEIPT,)),
    "a receipt came first, and then the answer": Situation(
        journal=(RECEIPT, row("late_answer", sid=SID))
    ),
    "swept and found": Situation(journal=(SWEPT, FOUND)),
    "swept, and then the answer came": Situation(journal=(SWEPT, SETTLED)),
    "not seen, and a receipt came": Situation(journal=(DOUBTED, RECEIPT)),
    "proved not sent, and sent again": Situation(
        job=job(attempt=2), journal=(DOUBTED, AGAIN, row("settled", 2, SID))
    ),
    "an attempt without an end": Situation(
        job=job(attempt=2), journal=(row("settled", 2, SID),), wrong={"journal"}
    ),
    "an attempt that ended twice": Situation(journal=(SETTLED, SETTLED), wrong={"journal"}),
    "swept after its end": Situation(journal=(SETTLED, SWEPT), wrong={"journal"}),
    "swept twice": Situation(journal=(SWEPT, SWEPT), wrong={"journal"}),
    "swept, and settled without proof": Situation(
        journal=(SWEPT, row("settled")), wrong={"journal"}
    ),
    "an attempt that never was": Situation(journal=(SETTLED, row("settled", 2)), wrong={"journal"}),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_wrong_is_found_and_nothing_else(name: str) -> None:
    given = SITUATIONS[name]
    other = Happening(job_id="job-2", at=0.0, kind="settled", attempt=1, sid="SM2", status="sent")
    findings = compare(
        Records(
            jobs=[OTHER, given.job],
            journal=[other, *given.journal],
            ledger=[OTHERS, *given.ledger],
        )
    )
    assert {kind: [ID] for kind in given.wrong} == {
        kind: list(ids) for kind, ids in findings.by_kind.items() if ids
    }
    assert findings.is_clean == (not given.wrong)


def test_a_text_without_any_row_is_lost() -> None:
    records = Records(jobs=[OTHER], journal=None, ledger=[OTHERS])
    assert Findings(lost=["chaos-1-7"]) == Findings(**{
        kind: list(ids) or () for kind, ids in compare(records, ["chaos-1-7"]).by_kind.items()
    })  # fmt: skip


def test_a_sender_without_a_journal_is_compared_by_its_rows_alone() -> None:
    records = Records(jobs=[OTHER], journal=None, ledger=[OTHERS])
    assert compare(records).is_clean


def test_every_kind_of_finding_has_a_situation() -> None:
    kinds = {one.name for one in fields(Findings)}
    assert kinds == {kind for situation in SITUATIONS.values() for kind in situation.wrong}
