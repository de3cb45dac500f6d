"""Python and SQL hand over alike: the same drafts get the same answers, and make the same rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from messaging import Draft, Messaging, Refused
from messaging.domain.draft import Prepared, TemplateSource, prepare
from messaging.domain.job import InDoubtPolicy
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import messages
from messaging.postgres.messages import Enqueued
from messaging.settings import Settings, load
from tests.integration.databases import Database, migrated, rolled_back
from tests.integration.story import TO

GREETING = TemplateSource(
    id=UUID(int=9),
    name="greeting",
    version=1,
    content='{"content_template": "Hi {{ name }}", "template_vars": {"name": "Bo"}}',
)
HOUSE_RULES = """
alter table message_jobs add check (message_content <> 'forbidden');
insert into message_templates (id, name, content_template, template_vars)
values ('00000000-0000-0000-0000-000000000009', 'greeting', 'Hi {{ name }}', '{"name": "Bo"}');
"""
STORED = """
select
  recipient_phone, message_content, template_id, template_vars, status, scheduled_for, priority,
  user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key, segments,
  expires_at, max_carrier_retries,
  prepared_at is not null, due_at is not null
from message_jobs
where id = %s
"""
QUEUED = """
select (message ->> 'job_id')::uuid
from pgmq.q_{lane}
order by msg_id
"""
TIMES = (
    None,
    datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2090, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(9999, 6, 1, tzinfo=UTC),
    datetime(2090, 1, 1, tzinfo=timezone(timedelta(hours=23))),  # no place for Postgres
)
BODIES = ("Hello", "Hello", 'a "quoted" \\ one', "{NULL}", "forbidden", "", "é€😀" * 30, "x" * 1600)
DRAFTS = st.builds(
    Draft,
    to=st.sampled_from((TO, TO, "+1 (555) 555-0100", "+442079460018", "call me")),
    body=st.sampled_from(BODIES),
    scheduled_for=st.sampled_from(TIMES),
    priority=st.sampled_from((0, 0, 9, -100, 101)),
    user_id=st.sampled_from((None, UUID(int=5))),
    metadata=st.sampled_from(({}, {"a": [1, None, 'say "hi"', "\\u0041", "😀"]})),
    max_retries=st.sampled_from((None, 0, 20)),
    media_urls=st.sampled_from(((), ("https://example.com/a,b.png", 'https://example.com/"c"'))),
    in_doubt_policy=st.sampled_from((None, InDoubtPolicy.HOLD)),
    idempotency_key=st.sampled_from((None, "k", "K", "l", 'm "n", {NULL}')),
    expires_at=st.sampled_from((None, None, *TIMES)),
    max_carrier_retries=st.sampled_from((None, 0, 3)),
    id=st.sampled_from((None, None, UUID(int=1), UUID(int=2))),
) | st.builds(
    Draft,
    to=st.just(TO),
    template=st.sampled_from(("greeting", GREETING.id, "nobody")),
    variables=st.sampled_from(({}, {"name": "Ann"}, {"name": None})),
    idempotency_key=st.sampled_from((None, "k")),
)


@pytest.fixture(scope="module")
def urls(postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """Two databases with a template and a rule that the service doesn't know."""
    with migrated(postgres) as one, migrated(postgres) as other:
        for url in (one, other):
            with psycopg.connect(url) as conn:
                conn.execute(HOUSE_RULES)
        yield one, other


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(st.lists(DRAFTS, max_size=12), min_size=1, max_size=3))
def test_both_ways_give_the_same_answers_and_make_the_same_rows(
    urls: tuple[str, str], batches: list[list[Draft]]
) -> None:
    given = load({"DATABASE_URL": urls[0]})
    with (
        Messaging(given) as outbox,
        rolled_back(urls[0]) as one,
        rolled_back(urls[1]) as other,
    ):
        by_columns = [outbox.enqueue_many(batch, conn=one) for batch in batches]
        by_json = [hand_over(other, batch, given) for batch in batches]
        for answer in (answer for answers in by_json for answer in answers):
            event(answer.result)
        assert told(by_json) == told(by_columns)
        assert stored(other, by_json) == stored(one, by_columns)


def hand_over(conn: Database, drafts: Sequence[Draft], given: Settings) -> list[Enqueued]:
    """What a caller of the SQL function does who prepares as Python does."""
    answers: dict[int, Enqueued] = {}
    rows: dict[int, Mapping[str, object]] = {}
    for position, draft in enumerate(drafts, start=1):
        template = GREETING if draft.template in ("greeting", GREETING.id) else None
        try:
            rows[position] = item(prepare(draft, template, None), given)
        except Refused as refusal:
            answers[position] = Enqueued(
                position=position, id=None, result="refused", reason=str(refusal)
            )
    for position, answer in zip(rows, messages.enqueue(conn, list(rows.values())), strict=True):
        answers[position] = Enqueued(
            position=position, id=answer.id, result=answer.result, reason=answer.reason
        )
    return [answers[position] for position in sorted(answers)]


def item(prepared: Prepared, given: Settings) -> Mapping[str, object]:
    """A prepared draft as messaging.enqueue takes it."""
    retries = prepared.max_retries
    return {
        "id": prepared.id and str(prepared.id),
        "user_id": prepared.user_id and str(prepared.user_id),
        "recipient_phone": prepared.recipient_phone,
        "message_content": prepared.message_content,
        "template_id": prepared.template_id and str(prepared.template_id),
        "template_vars": dict(prepared.template_vars) if prepared.template_id else None,
        "scheduled_for": prepared.scheduled_for and prepared.scheduled_for.isoformat(),
        "priority": prepared.priority,
        "max_retries": given.max_retries if retries is None else retries,
        "metadata": dict(prepared.metadata),
        "media_urls": list(prepared.media_urls),
        "in_doubt_policy": prepared.in_doubt_policy,
        "idempotency_key": prepared.idempotency_key,
        "expires_at": prepared.expires_at and prepared.expires_at.isoformat(),
        "max_carrier_retries": prepared.max_carrier_retries,
        "segments": prepared.segments,
        "prepared": True,
    }


def told(batches: Sequence[Sequence[Enqueued]]) -> list[tuple[int, str | None, str, str | None]]:
    """The answers, with names for the ids, which differ."""
    known = names(batches)
    return [
        (answer.position, known.get(answer.id), answer.result, reason(answer, known))
        for answers in batches
        for answer in answers
    ]


def names(batches: Sequence[Sequence[Enqueued]]) -> dict[UUID | None, str]:
    """The ids by when they were first told of."""
    ids = [answer.id for answers in batches for answer in answers if answer.id]
    return {id: f"message {n}" for n, id in enumerate(dict.fromkeys(ids))}


def reason(answer: Enqueued, known: Mapping[UUID | None, str]) -> str | None:
    """The reason without ids; Postgres' own may quote the whole row."""
    said = answer.reason
    if said is None:
        return None
    for id, name in known.items():
        said = said.replace(str(id), name)
    return re.sub(r"Failing row contains.*", "", said, flags=re.DOTALL)


def stored(conn: Database, batches: Sequence[Sequence[Enqueued]]) -> list[object]:
    """The rows, and the queue entries of both lanes in their order."""
    known = names(batches)
    rows = [conn.execute(STORED, [id]).fetchone() for id in known]
    lanes = ("sms_queue", "sms_priority_queue")
    entries = [conn.execute(QUEUED.format(lane=lane).encode()).fetchall() for lane in lanes]
    return [*rows, *([known[id] for (id,) in lane] for lane in entries)]
