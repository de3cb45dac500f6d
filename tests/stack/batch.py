"""Texts handed over together, and what became of them in our record and in Twilio's ledger."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from messaging import Draft, JobId
from messaging.local.simulator import Message
from tests.stack.stack import Stack

LATEST = 15.0
"""Seconds that a scheduled text may be late on a machine that tests keep busy."""


FULL_SIZE = os.environ.get("MESSAGING_TEST_SCALE") == "full"


def size(quick: int, full: int) -> int:
    """How many texts to send: `full` where MESSAGING_TEST_SCALE=full, else `quick`."""
    return full if FULL_SIZE else quick


def recipient(n: int) -> str:
    """A number for fiction, another one for each n from 0 to 79,999 (+1 NXX 555 01dd)."""
    return f"+1{200 + n // 100}55501{n % 100:02d}"


def drafts(count: int, words: str, **more: Any) -> list[Draft]:
    """Texts to as many people, no two alike."""
    return [Draft(to=recipient(n), body=f"{words}, number {n}", **more) for n in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts that were handed over together."""

    stack: Stack
    ids: Sequence[JobId | UUID]

    @classmethod
    def of(cls, stack: Stack, given: Sequence[Draft]) -> "Batch":
        """Hands these over; every one must be taken."""
        answers = stack.messaging.enqueue_many(given)
        assert {"created"} == {answer.result for answer in answers}
        return cls(stack=stack, ids=[answer.id for answer in answers if answer.id])

    def part(self, first: int, end: int) -> "Batch":
        """Those from `first` up to before `end`."""
        return Batch(stack=self.stack, ids=self.ids[first:end])

    def statuses(self) -> Counter[str]:
        """How many of them are in each status."""
        return self._counted(
            "select status, count(*) from message_jobs where id = any(%s) group by 1"
        )

    def delivery_statuses(self) -> Counter[str]:
        """How many of them have each of Twilio's words."""
        return self._counted(
            "select delivery_status, count(*) from message_jobs where id = any(%s) group by 1"
        )

    def are(self, status: str) -> bool:
        """Whether all of them are in this status."""
        return self.statuses() == {status: len(self.ids)}

    def await_sent(self, most: int, limit: float = 60.0) -> None:
        """Waits until so many of them are sent."""
        self.stack.wait_until(lambda: self.statuses()["sent"] >= most, limit)

    def accepted(self) -> list[Message]:
        """What Twilio accepted of them, in its order."""
        ids = {str(id) for id in self.ids}
        return [message for message in self.stack.twilio.ledger.outbound if message.job in ids]

    def accepted_at(self) -> dict[str, float]:
        """When Twilio accepted each, by its id; seconds since 1970."""
        return {str(message.job): message.created_at for message in self.accepted()}

    def assert_delivered_once(self, limit: float = 60.0) -> None:
        """Waits until all have been delivered, and looks for any that Twilio has twice."""
        self.stack.wait_until(self._is_delivered, limit)
        self.assert_accepted_once()

    def assert_sent_once(self, limit: float = 60.0) -> None:
        """Waits until all are marked as sent, and looks for any that Twilio has twice."""
        self.stack.wait_until(lambda: self.are("sent"), limit)
        self.assert_accepted_once()

    def assert_accepted_once(self) -> None:
        """Twilio has each of them exactly once, by job and by text."""
        accepted = self.accepted()
        by_job = Counter(message.job for message in accepted)
        assert {str(id): 1 for id in self.ids} == by_job
        texts = Counter((message.to, message.body) for message in accepted)
        ours = {(message.to, message.body) for message in accepted}
        everywhere = Counter(
            (message.to, message.body)
            for message in self.stack.twilio.ledger.outbound
            if (message.to, message.body) in ours
        )
        assert texts == everywhere == dict.fromkeys(ours, 1)

    def entries(self) -> int:
        """How many queue entries name one of them."""
        row = self.stack.db.execute(
            "select count(*) from (select message from pgmq.q_sms_queue "
            "union all select message from pgmq.q_sms_priority_queue) as entry "
            "where message ->> 'job_id' = any(%s)",
            [[str(id) for id in self.ids]],
        ).fetchone()
        assert row is not None
        return int(row[0])

    def doubted(self) -> list[UUID]:
        """Those of them that were ever in doubt, because an answer of Twilio was not seen."""
        rows = self.stack.db.execute(
            "select job_id from messaging.message_events "
            "where job_id = any(%s) and details ->> 'status' = 'in_doubt'",
            [list(self.ids)],
        )
        return [id for (id,) in rows]

    def column(self, name: str) -> dict[UUID, Any]:
        """A column of each of them, by their ids."""
        statement = f"select id, {name} from message_jobs where id = any(%s)".encode()
        return dict(self.stack.db.execute(statement, [list(self.ids)]).fetchall())

    def _is_delivered(self) -> bool:
        return self.delivery_statuses() == {"delivered": len(self.ids)} and self.are("sent")

    def _counted(self, statement: LiteralString) -> Counter[str]:
        return Counter(dict(self.stack.db.execute(statement, [list(self.ids)]).fetchall()))


def at(times: Sequence[datetime], words: str) -> list[Draft]:
    """A text for each of these times."""
    texts = drafts(len(times), words)
    return [
        Draft(to=text.to, body=text.body, scheduled_for=time)
        for text, time in zip(texts, times, strict=True)
    ]


def lateness(batch: Batch, times: Sequence[datetime]) -> list[float]:
    """Seconds from each text's time to Twilio's acceptance."""
    accepted = batch.accepted_at()
    return [accepted[str(id)] - time.timestamp() for id, time in zip(batch.ids, times, strict=True)]


def now(stack: Stack) -> datetime:
    """The time on the only clock that counts."""
    row = stack.db.execute("select clock_timestamp()").fetchone()
    assert row is not None
    time: datetime = row[0]
    return time
