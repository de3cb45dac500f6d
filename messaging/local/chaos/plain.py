"""The other side: plain Celery, hurt by the same plan."""

import sys
import time
from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from psycopg import Connection
from psycopg.rows import TupleRow
from redis import RedisError

from messaging.local.chaos.crew import Post
from messaging.local.chaos.plan import Victim
from messaging.local.chaos.records import Job, Records
from messaging.local.chaos.side import VISIBILITY, Again
from messaging.local.chaos.site import Site
from messaging.local.chaos.texts import Handful, Text

_QUIET = VISIBILITY + 8.0
"""Seconds without a change after which nothing more is to be expected."""
_STAND_INS = {Victim.BRIDGE: Victim.WORKER, Victim.WEB: Victim.WORKER, Victim.BEAT: Victim.PARENT}
_TABLE = """
create table texts (
  id bigint generated always as identity primary key,
  key text not null unique,
  phone text not null,
  body text not null,
  status text not null default 'pending',
  sid text,
  error_code int
)
"""
_STORE = """
insert into texts (key, phone, body)
select * from unnest(%s::text[], %s::text[], %s::text[])
on conflict (key) do nothing
"""
_IDS = "select key, id from texts where key = any(%s)"
_STANDING = "select count(*) filter (where status not in ('sent', 'failed')), count(sid) from texts"
_JOBS = "select key, id::text, body, status, sid, error_code from texts"


class Plain:
    """Two workers with threads and one with children; each row is a task."""

    name = "plain Celery"

    def __init__(self, site: Site) -> None:
        """The database gets its table; nothing starts yet."""
        self._site = site
        self._published: set[str] = set()
        self._standing: tuple[int, int] = (0, 0)
        self._changed = time.monotonic()
        with site.connect() as conn:
            conn.execute(_TABLE)

    def close(self) -> None:
        """Nothing is open."""

    def posts(self) -> Sequence[Post]:
        """The three workers."""
        return [
            _post("plain-1", Victim.WORKER, "threads", 16, self._site.environment),
            _post("plain-2", Victim.WORKER, "threads", 16, self._site.environment),
            _post("prefork", Victim.PARENT, "prefork", 2, self._site.environment),
        ]

    def stand_in(self, victim: Victim) -> Victim:
        """Whoever this side does not have is a worker."""
        return _STAND_INS.get(victim, victim)

    def is_ready(self) -> bool:
        """What is sent shows it."""
        return True

    def hand_over(self, conn: Connection[TupleRow], handful: Handful) -> None:
        """Rows are committed, and then their tasks are published, those that were not yet."""
        texts = {text.key: text for text in handful.texts}
        conn.execute(_STORE, _columns(handful.texts))
        ids = conn.execute(_IDS, [list(texts)]).fetchall()
        try:
            self._publish([(texts[key], id) for key, id in ids if key not in self._published])
        except (OperationalError, RedisError, OSError) as error:
            raise Again from error

    def under_way(self, conn: Connection[TupleRow]) -> int:
        """How many rows are not sent; none where nothing has changed for long."""
        row = conn.execute(_STANDING).fetchone()
        standing = (row[0], row[1]) if row else (0, 0)
        if standing != self._standing:
            self._standing, self._changed = standing, time.monotonic()
        return 0 if time.monotonic() - self._changed > _QUIET else int(standing[0])

    def decide(self, conn: Connection[TupleRow]) -> int:
        """Nothing waits for a person."""
        return 0

    def records(self, conn: Connection[TupleRow]) -> tuple[set[str], Records]:
        """There is no journal, and no attempt is counted."""
        rows = conn.execute(_JOBS).fetchall()
        jobs = [
            Job(id=id, body=body, status=status, attempt=0, sid=sid, error_code=code)
            for _, id, body, status, sid, code in rows
        ]
        ledger = list(self._site.twilio.ledger())
        return {key for key, *_ in rows}, Records(jobs=jobs, journal=None, ledger=ledger)

    def _publish(self, tasks: Sequence[tuple[Text, int]]) -> None:
        with (
            Celery("plain", broker=self._site.valkey.url, set_as_current=False) as app,
            app.connection_for_write() as connection,
            app.amqp.Producer(connection) as producer,
        ):
            for text, id in tasks:
                app.send_task(
                    "plain.send",
                    args=[id],
                    queue="plain",
                    countdown=text.later,
                    producer=producer,
                    ignore_result=True,
                    retry=False,
                )
                self._published.add(text.key)


def _post(
    name: str, victim: Victim, pool: str, concurrency: int, environment: dict[str, str]
) -> Post:
    argv = (
        *(sys.executable, "-m", "celery", "--quiet", "-A", "messaging.local.chaos.baseline"),
        *("worker", "--pool", pool, "--concurrency", str(concurrency)),
        *("--hostname", f"{name}@%h", "--without-gossip", "--without-mingle"),
    )
    return Post(name=name, victim=victim, argv=argv, environment=environment)


def _columns(texts: Sequence[Text]) -> list[list[str]]:
    return [
        [text.key for text in texts],
        [text.to for text in texts],
        [text.body for text in texts],
    ]
