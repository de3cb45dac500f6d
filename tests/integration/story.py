"""Short words for tests of the story: put a job in, run a verb, look at the row."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from messaging import bridge, delivery
from messaging.delivery import Delivered
from messaging.domain.entries import Hint
from messaging.domain.job import Lane
from messaging.domain.verdict import Scope, Verdict
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.redis.throttle import Throttle
from messaging.runtime import Runtime

TO = "+15555550100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What tests look at in a job."""

    status: str
    attempt: int
    retry_count: int
    twilio_sid: str | None
    delivery_status: str | None
    error_code: int | None
    message_content: str
    recipient_phone: str


def insert(db: Connection[TupleRow], **columns: object) -> UUID:
    """A bare insert into message_jobs, as any client makes it."""
    values = {"recipient_phone": TO, "message_content": "Hello", **columns}
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    statement = f"insert into message_jobs ({names}) values ({places}) returning id"
    row = db.execute(statement.encode(), values).fetchone()
    assert row is not None
    id: UUID = row[0]
    return id


def row(db: Connection[TupleRow], id: UUID) -> Row:
    """The job as it stands."""
    with db.cursor(row_factory=class_row(Row)) as cursor:
        found = cursor.execute(
            "select status, attempt, retry_count, twilio_sid, delivery_status, error_code, "
            "message_content, recipient_phone from message_jobs where id = %s",
            [id],
        ).fetchone()
    assert found is not None
    return found


def kinds(db: Connection[TupleRow], id: UUID) -> list[str]:
    """The kinds of a job's journal, oldest first."""
    rows = db.execute(
        "select kind from messaging.message_events where job_id = %s order by id", [id]
    )
    return [kind for (kind,) in rows]


def entries(db: Connection[TupleRow], queue: str = "sms_queue") -> list[object]:
    """What is in a queue, leased or not."""
    return [
        m for (m,) in db.execute(f"select message from pgmq.q_{queue} order by msg_id".encode())
    ]


def take(rt: Runtime, lane: Lane = Lane.NORMAL, most: int = 100) -> list[Hint]:
    """One look of the bridge: leases entries, deals with them, returns what is ready."""
    return bridge.sort_out(rt, lane, bridge.lease(rt, lane, most))


def work(rt: Runtime, lane: Lane = Lane.NORMAL) -> Delivered:
    """One look of the bridge, and the delivery of what it found."""
    return delivery.deliver(rt, lane, take(rt, lane))


def in_doubt(
    rt: Runtime, db: Connection[TupleRow], twilio: Simulator, kind: Kind, **columns: object
) -> UUID:
    """A job whose answer was not seen: Twilio has its text exactly if `kind` strikes after."""
    fault = twilio.faults.add(Rule(kind=kind))
    id = insert(db, **columns)
    work(rt)
    twilio.faults.remove(fault)
    assert "in_doubt" == row(db, id).status
    return id


def end_leases(db: Connection[TupleRow]) -> None:
    """Lets the leases of all entries run out."""
    db.execute("update pgmq.q_sms_queue set vt = clock_timestamp()")


def stopped(rt: Runtime) -> dict[str, str]:
    """Which breakers are open, and why."""
    return {one.scope: one.why for one in rt.throttle.breakers.standing() if one.is_open}


def stop(throttle: Throttle, reason: str, scope: Scope = Scope.ACCOUNT) -> None:
    """Twilio refuses our account, or our sender, for this reason."""
    passage = throttle.leave([1], Lane.NORMAL).passage
    of_account = scope is Scope.ACCOUNT
    verdict = Verdict(
        account=not of_account, sender=None if of_account else False, at_once=True, reason=reason
    )
    throttle.breakers.note(passage, [verdict])


def forget(throttle: Throttle) -> None:
    """Redis forgets the breakers."""
    throttle._redis.delete(*throttle.breakers.keys)
