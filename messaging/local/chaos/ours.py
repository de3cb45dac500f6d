"""Our side: the service as it is installed, with two of nearly every process."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.draft import Draft
from messaging.errors import Unreachable
from messaging.local.chaos.crew import Post
from messaging.local.chaos.plan import Line, Victim
from messaging.local.chaos.records import Happening, Job, Records
from messaging.local.chaos.site import Site
from messaging.local.chaos.texts import Handful, Text
from messaging.local.listening import is_healthy
from messaging.local.ports import LOOPBACK, any_free
from messaging.local.processes import BEAT, BRIDGE, WEB, WORKER, Command
from messaging.outbox import Messaging
from messaging.postgres.migrate import migrate

PREFORK = Command(
    name="prefork",
    line="celery -A messaging.celery worker --queues deliver.urgent,deliver.normal "
    "--pool prefork --concurrency 2 "
    "--hostname prefork-$$@%h --without-gossip --without-mingle",
    stage=0,
    patience=6.0,
)
"""Celery's own kind of worker: a parent that only hands out, and children that send."""
_INSERT = """
insert into public.message_jobs
  (recipient_phone, message_content, priority, scheduled_for, idempotency_key)
select phone, body, priority, clock_timestamp() + make_interval(secs => later), key
from unnest(%s::text[], %s::text[], %s::int[], %s::float8[], %s::text[])
  as text (phone, body, priority, later, key)
on conflict (idempotency_key) where idempotency_key is not null do nothing
"""
_UNDER_WAY = """
select count(*)
from public.message_jobs
where status not in ('sent', 'failed', 'held', 'canceled', 'expired', 'suppressed')
"""
_HELD = "select id, message_content from public.message_jobs where status = 'held'"
_RESOLVE = "select messaging.resolve(%s, %s, %s)"
_JOBS = """
select
  idempotency_key, id::text, message_content, status, attempt, twilio_sid, error_code,
  status = 'scheduled' and scheduled_for > clock_timestamp()
from public.message_jobs
"""
_JOURNAL = """
select
  job_id::text, extract(epoch from at)::float8, kind, attempt, twilio_sid, details ->> 'status'
from messaging.message_events
where job_id is not null
order by id
"""


class Ours:
    """Two of each process, as where one must not be missed, and a worker with children."""

    name = "messaging"

    def __init__(self, site: Site) -> None:
        """The database gets its tables; nothing starts yet."""
        self._site = site
        migrate(site.postgres.url)
        self._messaging = Messaging(site.settings)

    def close(self) -> None:
        """Let go of what was opened."""
        self._messaging.close()

    def posts(self) -> Sequence[Post]:
        """Everybody who is to be there. Twilio reaches the first web process first."""
        web = [any_free(), any_free()]
        self._site.lines[Line.WEB].aim((LOOPBACK, web[0]))
        self._web_ports = web
        return [
            *(self._post(f"web-{n}", Victim.WEB, WEB, n, port) for n, port in enumerate(web, 1)),
            *(self._post(f"bridge-{n}", Victim.BRIDGE, BRIDGE, n) for n in (1, 2)),
            *(self._post(f"worker-{n}", Victim.WORKER, WORKER, n) for n in (1, 2)),
            self._post("prefork", Victim.PARENT, PREFORK),
            *(self._post(f"beat-{n}", Victim.BEAT, BEAT, n) for n in (1, 2)),
        ]

    def stand_in(self, victim: Victim) -> Victim:
        """Everybody is there."""
        return victim

    def is_ready(self) -> bool:
        """Whether callbacks are taken; the rest shows in what is sent."""
        return all(is_healthy(port, "/readyz") for port in self._web_ports)

    def hand_over(self, conn: Connection[TupleRow], handful: Handful) -> None:
        """Store a handful, by the Python API or by a plain INSERT."""
        if handful.is_bare:
            conn.execute(_INSERT, _columns(handful.texts))
            return
        with conn.transaction():
            answers = self._messaging.enqueue_many(map(_draft, handful.texts), conn=conn)
        refused = [answer.reason for answer in answers if answer.result == "refused"]
        if refused:
            raise Unreachable(f"A text was refused: {refused[0]}")

    def under_way(self, conn: Connection[TupleRow]) -> int:
        """How many texts are neither final nor held."""
        row = conn.execute(_UNDER_WAY).fetchone()
        return int(row[0]) if row else 0

    def decide(self, conn: Connection[TupleRow]) -> int:
        """Look for each held text at Twilio, and say that it is sent, or is to be sent again.

        So does a person who is told `sent again twice out of doubt already`.
        """
        held = conn.execute(_HELD).fetchall()
        sids = {text.body: text.sid for text in self._site.twilio.ledger()} if held else {}
        for id, body in held:
            sid = sids.get(body)
            conn.execute(_RESOLVE, [id, "sent" if sid else "resend", sid])
        return len(held)

    def records(self, conn: Connection[TupleRow]) -> tuple[set[str], Records]:
        """The keys of all texts that are stored, and what is known of them."""
        rows = conn.execute(_JOBS).fetchall()
        records = Records(
            jobs=[
                Job(
                    id=id,
                    body=body,
                    status=status,
                    attempt=attempt,
                    sid=sid,
                    error_code=code,
                    waits=waits,
                )
                for _, id, body, status, attempt, sid, code, waits in rows
            ],
            journal=[
                Happening(job_id=job, at=at, kind=kind, attempt=attempt, sid=sid, status=status)
                for job, at, kind, attempt, sid, status in conn.execute(_JOURNAL)
            ],
            ledger=list(self._site.twilio.ledger()),
        )
        return {key for key, *_ in rows}, records

    def _post(
        self, name: str, victim: Victim, command: Command, number: int = 1, port: int | None = None
    ) -> Post:
        environment = {**self._site.environment, **({"PORT": str(port)} if port else {})}
        return Post(
            name=name,
            victim=victim,
            argv=command.argv(environment, number),
            environment=environment,
            port=port,
        )


def _draft(text: Text) -> Draft:
    when = datetime.now(UTC) + timedelta(seconds=text.later) if text.later is not None else None
    return Draft(
        to=text.to,
        body=text.body,
        priority=text.priority,
        scheduled_for=when,
        idempotency_key=text.key,
    )


def _columns(texts: Sequence[Text]) -> list[list[object]]:
    return [
        [text.to for text in texts],
        [text.body for text in texts],
        [text.priority for text in texts],
        [text.later for text in texts],
        [text.key for text in texts],
    ]
