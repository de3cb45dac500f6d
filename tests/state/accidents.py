"""Rules: what goes wrong around the product, and what people do to it by hand."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import rule
from psycopg.types.json import Jsonb

from messaging.domain.job import Lane, Sid
from messaging.domain.receipt import Receipt
from messaging.postgres import queues
from tests.state.book import phone
from tests.state.run import LANES, WHICH, Run


class Accidents(Run):
    """Each of these is rare in life; together they are one rule as frequent as another."""

    @rule(
        what=st.sampled_from(
            ["workers die", "redis is wiped", "entry deleted", "queue purged", "entries put off",
             "receipt of somebody else", "second entry",
             "bad entry", "whole text"]
        ),
        lane=LANES,
        which=WHICH,
    )  # fmt: skip
    def accident(self, what: str, lane: Lane, which: int) -> None:
        """One of them."""
        acts: dict[str, Callable[[], None]] = {
            "workers die": self.flights.clear,
            "redis is wiped": self._redis_is_wiped,
            "entry deleted": lambda: self._delete_an_entry(lane, which),
            "queue purged": lambda: self._purge(lane),
            "entries put off": lambda: self._put_off(lane, which),
            "receipt of somebody else": self._receive_a_strangers,
            "second entry": lambda: self._enqueue_twice(lane, which),
            "bad entry": lambda: self._put_into_queue(lane, {"priority": which}),
            "whole text": lambda: self._put_whole_text_into_queue(lane),
        }
        acts[what]()

    def _redis_is_wiped(self) -> None:
        """Celery has nothing left, and nothing is known of the breakers."""
        self.hints.clear()
        self.world.forget_breakers()

    def _delete_an_entry(self, lane: Lane, which: int) -> None:
        """Leased or not."""
        if hints := self.hints[lane] + self.spent[lane]:
            queues.delete(self.world.db, lane.queue, [hints[which % len(hints)].msg_id])
            self._note_robbed()

    def _purge(self, lane: Lane) -> None:
        self.world.db.execute("select pgmq.purge_queue(%s)", [lane.queue])
        self._note_robbed()

    def _put_off(self, lane: Lane, seconds: int) -> None:
        """Entries are seen again at once, or soon; Celery loses them."""
        hints, self.hints[lane] = self.hints[lane] or self.spent[lane], []
        for hint in hints:
            statement = "select pgmq.set_vt(%s, %s::bigint, %s::integer)"
            self.world.db.execute(statement, [lane.queue, hint.msg_id, seconds])

    def _receive_a_strangers(self) -> None:
        self.receive(Receipt(sid=Sid("SM" + "f" * 32), status="delivered"))

    def _enqueue_twice(self, lane: Lane, which: int) -> None:
        """The original producer's second call: another entry for a job, with all of it."""
        if self.jobs:
            job = self.job(which)
            whole = {"to": phone(job.message_content), "body": job.message_content}
            self._put_into_queue(lane, {"job_id": str(job.id), **whole})

    def _put_whole_text_into_queue(self, lane: Lane) -> None:
        """The original producer's way: a message in the queue that is no job yet."""
        if self.book.has_room:
            body = self.book.name_text()
            self.book.may_become_one(body)
            self._put_into_queue(lane, {"to": phone(body), "body": body})

    def _put_into_queue(self, lane: Lane, message: dict[str, object]) -> None:
        """Somebody else's program writes into a queue."""
        self.world.db.execute("select pgmq.send(%s, %s)", [lane.queue, Jsonb(message)])

    def _note_robbed(self) -> None:
        self.book.robbed |= {job.id for job in self.jobs}
