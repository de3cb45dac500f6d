"""Rules: what callers do, who hand texts over in every way, and what operators decide."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from messaging.domain.decision import Decision
from messaging.domain.draft import Draft
from messaging.domain.job import InDoubtPolicy, JobId
from messaging.postgres import messages
from messaging.postgres.jobs import Postgres
from tests.state.book import phone
from tests.state.run import TROUBLE, WHICH, Run
from tests.state.troubled import Break, Moment
from tests.state.world import Job

_WHEN = st.sampled_from([0, 0, 0, 30, 1200, 7200])
"""Seconds from now; the last two are within Twilio's window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A text that a caller wants sent, and the way it is handed over."""

    way: str
    twin: bool = False
    priority: int = 0
    wait: int = 0
    policy: InDoubtPolicy | None = None

    @property
    def time(self) -> datetime | None:
        """Not before; None for at once."""
        return datetime.now(UTC) + timedelta(seconds=self.wait) if self.wait else None


WANTED = st.builds(
    Wanted,
    way=st.sampled_from(["insert", "python", "python", "key a", "key b"]),
    twin=st.sampled_from([False, False, False, True]),
    priority=st.sampled_from([0, 0, 9]),
    wait=_WHEN,
    policy=st.sampled_from([None, None, None, *InDoubtPolicy]),
)


class Callers(Run):
    """What callers do."""

    @rule(wanted=WANTED, trouble=TROUBLE)
    def hand_over(self, wanted: Wanted, trouble: Break | None = None) -> None:
        """A caller's transaction, which is committed or not."""
        if wanted.way.startswith("key"):
            self._enqueue_with_key(wanted.way, trouble)
            return
        if not self.book.has_room:
            return
        body = self.book.name_text(twin=wanted.twin)
        act = self._insert if wanted.way == "insert" else self._enqueue
        if self.commit(lambda conn: act(conn, body, wanted), trouble):
            self.book.hand_over(body)

    def commit(self, act: Callable[[Postgres], object], trouble: Break | None) -> bool:
        """Whether a caller's transaction was committed, which the caller need not know."""

        def verb() -> None:
            with self.rt.db.connection() as conn:
                act(conn)

        self.world.attempt(verb, trouble)
        return self.world.breaks.broke is not Moment.BEFORE_COMMIT

    def _insert(self, conn: Postgres, body: str, wanted: Wanted) -> None:
        """A bare insert, the number written as people do."""
        to = phone(body).replace("+1555555", "+1 (555) 555-")
        conn.execute(
            "insert into message_jobs "
            "(id, recipient_phone, message_content, priority, scheduled_for, in_doubt_policy) "
            "values (%s, %s, %s, %s, %s, %s)",
            [self.book.choose_id(), to, body, wanted.priority, wanted.time, wanted.policy],
        )

    def _enqueue(self, conn: Postgres, body: str, wanted: Wanted) -> None:
        """The Python way, in a transaction of the caller's."""
        draft = Draft(
            id=self.book.choose_id(),
            to=phone(body),
            body=body,
            priority=wanted.priority,
            scheduled_for=wanted.time,
            in_doubt_policy=wanted.policy,
            max_retries=1,
        )
        self.world.outbox.enqueue(draft, conn=conn)

    def _enqueue_with_key(self, key: str, trouble: Break | None) -> None:
        """The SQL way, twice in one call; with the same key it is the same message ever after."""
        body = f"with {key}"
        draft = {"recipient_phone": phone(body), "message_content": body, "idempotency_key": key}
        ids: set[JobId | None] = set()
        self.book.may_become_one(body)
        if self.commit(
            lambda conn: ids.update(item.id for item in messages.enqueue(conn, [draft, draft])),
            trouble,
        ):
            self.book.must_be_one(body)
            assert ids == self.book.ids_of_key.setdefault(key, ids)


class People(Callers):
    """What callers and operators change afterwards."""

    @rule(
        what=st.sampled_from(["cancel", "cancel", "reschedule", *Decision]),
        which=WHICH, wait=_WHEN, trouble=TROUBLE,
    )  # fmt: skip
    def decide(self, what: str, which: int, wait: int, trouble: Break | None) -> None:
        """A caller cancels or moves a job, or a person decides about one; it may be anything."""
        if not self.jobs:
            return
        job = self.job(which)
        if what == "reschedule":
            time = datetime.now(UTC) + timedelta(seconds=wait)
            self.commit(lambda conn: messages.reschedule(conn, job.id, time), trouble)
        elif what == "cancel":
            self.world.attempt(lambda: self.cancel(job.id), trouble)
        else:
            waiting = [job for job in self.jobs if job.status in ("held", "in_doubt")] or [job]
            self._resolve(waiting[which % len(waiting)], Decision(what), trouble)

    def _resolve(self, job: Job, decision: Decision, trouble: Break | None) -> None:
        """Who says that it was sent has found its text, or takes that of another job for it."""
        texts = [text for text in self.world.ledger.texts.values() if text.is_out]
        owned = {job.twilio_sid for job in self.jobs}
        own = [text.sid for text in texts if text.of.body == job.message_content]
        sids = own or [text.sid for text in texts if text.sid in owned]
        sid = sids[0] if sids and decision is Decision.SENT else None
        self.world.attempt(lambda: self.resolve(job.id, decision, sid), trouble)
