"""Outcomes for tests: one that passed, and one that did not."""

from dataclasses import replace

from messaging.local.chaos.comparison import Findings
from messaging.local.chaos.doubts import Doubts
from messaging.local.chaos.outcome import Course, Done, Dossier, Moment, Outcome, Place
from messaging.local.chaos.records import Happening, Job
from messaging.local.chaos.recovery import Recovery
from messaging.local.twilio import Accepted

PASSED = Outcome(
    is_passed=True,
    sender="messaging",
    is_baseline=False,
    began="2026-11-24T18:00:00+00:00",
    seed=7,
    messages=5000,
    planned_kills=60,
    trouble_seconds=45.0,
    total_seconds=131.0,
    times={"send_lease": 45.0, "entry_lease": 50.0, "quiescence": 60.0},
    place=Place(system="Linux", cores=2, load=0.5, versions={"Python": "3.11.7"}),
    done=Done(
        kills={"child of a worker": 40, "Redis": 20},
        others={"Redis wiped": 4},
        faults={"error_after": 12, "slow": 0},
        commits_again=3,
    ),
    committed=5000,
    accepted=4980,
    statuses={"sent": 4980, "failed": 20},
    findings=Findings(),
    decided=0,
    doubts=Doubts(total=2, causes={"the worker did not come back": 2}, ends={"a receipt came": 2}),
    unsent=Recovery(
        texts=9,
        p50=60.1,
        p99=61.5,
        longest=61.5,
        limit=65.0,
        is_within=True,
        slowest=[("job-9", 61.5)],
    ),
    in_doubt=Recovery(
        texts=0, p50=None, p99=None, longest=None, limit=90.0, is_within=True, slowest=[]
    ),
    processes=480,
    left=(),
    course=Course(
        accepted=[100, 0, 50],
        moments=[Moment(at=0.0, what="kill -9: Redis"), Moment(at=1.0, what="Redis wiped")],
    ),
    dossiers=(),
)

FAILED = replace(
    PASSED,
    is_passed=False,
    findings=Findings(lost=["job-1"], doubled=["job-2", "job-3"]),
    left=["4711 python"],
    dossiers=[
        Dossier(
            wrong=["lost"],
            job=Job(
                id="job-1",
                body="<b>Hello</b>",
                status="sent",
                attempt=1,
                sid="SM1",
                error_code=None,
            ),
            journal=[
                Happening(
                    job_id="job-1", at=1.0, kind="settled", attempt=1, sid="SM1", status="sent"
                )
            ],
            ledger=[
                Accepted(sid="SM9", job="job-2", attempt=1, to="+12025550101", body="Hi", at=1.0)
            ],
        )
    ],
)
