"""Duplicates: of one key, and of one text within a window, there is one job, whoever hands over."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest

from messaging import Draft, Messaging, Refused
from messaging.domain.draft import prepare
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import enqueuing, messages
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.messages import Enqueued
from messaging.settings import load
from tests.integration.databases import SID, Database, change, migrated, one, rolled_back
from tests.integration.story import TO, kinds

WRITERS = 50
WINDOW = timedelta(minutes=10)
LATER = datetime(2090, 1, 1, 9, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def by_columns(conn: Database, drafts: Sequence[Draft]) -> list[Enqueued]:
    """As Python hands over."""
    prepared = {n: prepare(draft, None, None) for n, draft in enumerate(drafts, start=1)}
    answers = enqueuing.enqueue(conn, prepared, Defaults())
    return sorted(answers, key=lambda answer: answer.position)


def by_json(conn: Database, drafts: Sequence[Draft]) -> list[Enqueued]:
    """As a caller of the SQL function hands over."""
    return messages.enqueue(conn, [item(draft) for draft in drafts])


def item(draft: Draft) -> Mapping[str, object]:
    given = {
        "recipient_phone": draft.to,
        "message_content": draft.body,
        "user_id": draft.user_id and str(draft.user_id),
        "scheduled_for": draft.scheduled_for and draft.scheduled_for.isoformat(),
        "idempotency_key": draft.idempotency_key,
        "idempotency_ttl": seconds(draft.idempotency_ttl),
        "dedupe_window": seconds(draft.dedupe_window),
        "media_urls": list(draft.media_urls),
    }
    return {name: value for name, value in given.items() if value is not None}


def seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


Way = Callable[[Database, Sequence[Draft]], list[Enqueued]]
WAYS: Sequence[Way] = (by_columns, by_json)
both_ways = pytest.mark.parametrize("way", WAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way in which drafts can be duplicates: a draft of it, and what its first one must hold."""

    draft: Callable[[str], Draft]
    until: str
    """What takes the first one out of its time by no time at all, or by a microsecond."""


def keyed(what: str) -> Draft:
    return Draft(to=TO, body=what, idempotency_key=what, idempotency_ttl=WINDOW)


def windowed(what: str) -> Draft:
    return Draft(to=TO, body=what, dedupe_window=WINDOW)


KINDS = {
    "key": Kind(
        draft=keyed,
        until="update message_jobs set status = 'canceled', "
        "idempotency_expires_at = now() + %s * interval '1 microsecond' where id = %s",
    ),
    "window": Kind(
        draft=windowed,
        until="update message_jobs set "
        "created_at = now() - interval '10 minutes' + %s * interval '1 microsecond' where id = %s",
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def at_its_edge(db: Database, kind: Kind, way: Way, left: int) -> UUID:
    """A message whose time is over in so many microseconds."""
    (answer,) = way(db, [kind.draft("Hello")])
    assert answer.id is not None
    db.execute(kind.until.encode(), [left, answer.id])
    return answer.id


@both_ways
@each_kind
def test_it_is_a_duplicate_until_the_last_microsecond(db: Database, way: Way, kind: Kind) -> None:
    first = at_its_edge(db, kind, way, left=1)
    answers = way(db, [kind.draft("Hello")])
    assert [("duplicate", first, None)] == [(a.result, a.id, a.reason) for a in answers]
    assert 1 == one(db, "select count(*) from message_jobs")


@both_ways
@each_kind
def test_it_is_a_message_of_its_own_from_then_on(db: Database, way: Way, kind: Kind) -> None:
    first = at_its_edge(db, kind, way, left=0)
    answers = way(db, [kind.draft("Hello"), kind.draft("Hello")])
    assert ["created", "duplicate"] == [answer.result for answer in answers]
    assert first != answers[0].id == answers[1].id
    assert (["key_expired"] if kind is KINDS["key"] else []) == kinds(db, first)


@both_ways
def test_a_key_holds_for_as_long_as_its_message_is_on_its_way(db: Database, way: Way) -> None:
    draft = Draft(to=TO, body="a", scheduled_for=LATER, idempotency_key="k")
    (first,) = way(db, [draft])
    db.execute("update message_jobs set idempotency_expires_at = now() - interval '1 year'")
    assert [("duplicate", first.id)] == [(a.result, a.id) for a in way(db, [draft])]


@both_ways
def test_a_key_lives_for_thirty_days_where_nobody_says(db: Database, way: Way) -> None:
    way(db, [Draft(to=TO, body="a", idempotency_key="k")])
    left = "select idempotency_expires_at - created_at from message_jobs"
    assert timedelta(days=30) == one(db, left)


@both_ways
@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, "duplicate"),
        ({"to": "+1 (555) 555-0100"}, "duplicate"),
        ({"user_id": BOB}, "created"),
        ({"user_id": None}, "created"),
        ({"to": "+15555550101"}, "created"),
        ({"body": "hello"}, "created"),
        ({"media_urls": ["https://example.com/a.png"]}, "created"),
        ({"scheduled_for": LATER}, "created"),
        ({"scheduled_for": datetime(2020, 1, 1, tzinfo=UTC)}, "duplicate"),
        ({"priority": 9}, "duplicate"),
        ({"dedupe_window": timedelta(0)}, "created"),
        ({"dedupe_window": None}, "created"),
        ({"dedupe_window": timedelta(microseconds=1)}, "duplicate"),
    ],
)
def test_only_the_same_text_for_the_same_user_to_the_same_number_is_one(
    db: Database, way: Way, other: Mapping[str, object], expected: str
) -> None:
    same = {"to": TO, "body": "Hello", "user_id": ANN, "dedupe_window": WINDOW}
    (first,) = way(db, [Draft(**same)])  # type: ignore[arg-type]
    (second,) = way(db, [Draft(**{**same, **other})])  # type: ignore[arg-type]
    assert ("created", expected) == (first.result, second.result)
    assert (first.id == second.id) == (expected == "duplicate")


@both_ways
def test_texts_for_other_times_are_other_texts_and_for_one_time_they_are_one(
    db: Database, way: Way
) -> None:
    times = [LATER, LATER + timedelta(days=1), LATER]
    drafts = [
        Draft(to=TO, body="Your pill", scheduled_for=time, dedupe_window=WINDOW) for time in times
    ]
    assert ["created", "created", "duplicate"] == [answer.result for answer in way(db, drafts)]
    db.execute("update message_jobs set created_at = now() - interval '1 day'")
    assert ["duplicate"] == [answer.result for answer in way(db, drafts[:1])]


@both_ways
@pytest.mark.parametrize(
    ("status", "columns", "expected"),
    [
        ("pending", {}, "duplicate"),
        ("sent", {"twilio_sid": SID}, "duplicate"),
        ("held", {"attempt": 1}, "duplicate"),
        ("failed", {"attempt": 1}, "duplicate"),  # nothing says how its attempt ended
        ("canceled", {"attempt": 1}, "duplicate"),
        ("canceled", {}, "created"),
        ("canceled", {"twilio_sid": SID, "delivery_status": "canceled"}, "created"),
        ("expired", {}, "created"),
        ("suppressed", {}, "created"),
    ],
)
def test_what_is_proved_not_to_have_gone_out_makes_no_duplicates(
    db: Database, way: Way, status: str, columns: Mapping[str, object], expected: str
) -> None:
    (first,) = way(db, [windowed("Hello")])
    assert first.id is not None
    change(db, first.id, {"status": status, **columns})
    assert [expected] == [answer.result for answer in way(db, [windowed("Hello")])]


@both_ways
def test_a_key_is_asked_before_the_window(db: Database, way: Way) -> None:
    draft = Draft(to=TO, body="a", idempotency_key="k", dedupe_window=WINDOW)
    other = Draft(to=TO, body="a", idempotency_key="l", dedupe_window=WINDOW)
    third = Draft(to=TO, body="b", idempotency_key="k", dedupe_window=WINDOW)
    answers = way(db, [draft, draft, other]) + way(db, [third])
    assert ["created", "duplicate", "duplicate", "refused"] == [a.result for a in answers]
    assert 1 == len({answer.id for answer in answers})


@both_ways
def test_a_key_stays_where_only_the_window_is_over(db: Database, way: Way) -> None:
    keyed_too = Draft(to=TO, body="Hello", idempotency_key="k", dedupe_window=WINDOW)
    (first,) = way(db, [keyed_too])
    db.execute("update message_jobs set created_at = now() - interval '1 day'")
    assert ["created"] == [answer.result for answer in way(db, [windowed("Hello")])]
    assert [first.id] == [answer.id for answer in way(db, [keyed_too])]


def test_python_and_sql_know_each_others_texts(db: Database) -> None:
    (first,) = by_json(db, [windowed("Hello")])
    (second,) = by_columns(db, [windowed("Hello")])
    assert ("duplicate", first.id) == (second.result, second.id)


def test_a_template_of_sql_is_known_by_its_variables(db: Database) -> None:
    db.execute("insert into message_templates (name, content_template) values ('t', 'Hi {{ n }}')")
    draft = {"recipient_phone": TO, "template": "t", "dedupe_window": "10 minutes"}
    drafts = [{**draft, "template_vars": {"n": name}} for name in ("Ann", "Bo", "Ann")]
    results = [answer.result for answer in messages.enqueue(db, drafts)]
    assert ["created", "created", "duplicate"] == results


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"idempotency_ttl": 0}, "idempotency_ttl must be from a second to ten years"),
        ({"dedupe_window": -1}, "dedupe_window must be from 0 to a year"),
        ({"dedupe_window": "2 years"}, "dedupe_window must be from 0 to a year"),
    ],
)
def test_a_time_that_is_none_is_refused(db: Database, item: dict[str, object], reason: str) -> None:
    draft = {"recipient_phone": TO, "message_content": "a", "idempotency_key": "k", **item}
    assert [reason] == [answer.reason for answer in messages.enqueue(db, [draft])]


def test_the_settings_are_the_default_and_a_key_stands_for_itself(db: Database, url: str) -> None:
    given = {
        "DATABASE_URL": url,
        "MESSAGING_DEDUPE_WINDOW": "600",
        "MESSAGING_IDEMPOTENCY_TTL": "3600",
    }
    keys = (None, None, "k", "k", "l")
    drafts = [Draft(to=TO, body="Hello", idempotency_key=key) for key in keys]
    drafts.append(Draft(to=TO, body="Hello", dedupe_window=timedelta(0)))
    with Messaging(load(given)) as outbox:
        results = [answer.result for answer in outbox.enqueue_many(drafts, conn=db)]
        assert outbox.enqueue(drafts[0], conn=db) == outbox.enqueue(drafts[0], conn=db)
    assert ["created", "duplicate", "created", "duplicate", "created", "created"] == results
    left = "select distinct idempotency_expires_at - created_at from message_jobs"
    assert {(None,), (timedelta(hours=1),)} == set(db.execute(left.encode()))


def test_a_lifetime_needs_a_key(url: str) -> None:
    draft = Draft(to=TO, body="a", idempotency_ttl=WINDOW)
    with Messaging(load({"DATABASE_URL": url})) as outbox, pytest.raises(Refused, match="no idem"):
        outbox.enqueue(draft)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Writers with connections of their own, who all begin at the same moment."""

    connections: Sequence[Database]
    barrier: Barrier
    pool: ThreadPoolExecutor

    def hand_over(
        self, size: int, draft: Callable[[str], Draft], names: Sequence[str]
    ) -> Counter[str]:
        """What becomes of all drafts, each writer's in an order and a way of its own."""
        told = self.pool.map(
            lambda n: self._write(n, size, draft, names), range(len(self.connections))
        )
        return sum(told, Counter())

    def _write(
        self, n: int, size: int, draft: Callable[[str], Draft], names: Sequence[str]
    ) -> Counter[str]:
        mine = names if n % 4 < 2 else names[::-1]
        drafts = [draft(name) for name in mine]
        self.barrier.wait(30)
        return Counter(
            answer.result
            for start in range(0, len(drafts), size)
            for answer in WAYS[n % 2](self.connections[n], drafts[start : start + size])
        )


@pytest.fixture(scope="module")
def crowd(url: str) -> Iterator[Crowd]:
    with ExitStack() as stack:
        yield Crowd(
            connections=[
                stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(WRITERS)
            ],
            barrier=Barrier(WRITERS),
            pool=stack.enter_context(ThreadPoolExecutor(WRITERS)),
        )


@pytest.mark.parametrize("size", [1, 20], ids=["single", "bulk"])
@each_kind
def test_of_what_fifty_writers_hand_over_at_once_there_is_one_each(
    crowd: Crowd, kind: Kind, size: int
) -> None:
    """First when it is new; then at the edge, when the first one's time is over, and before."""
    names = [str(uuid4()) for _ in range(20)]
    many = Counter(created=20, duplicate=20 * (WRITERS - 1))
    assert many == crowd.hand_over(size, kind.draft, names)
    assert Counter(duplicate=20 * WRITERS) == crowd.hand_over(size, kind.draft, names)

    db = crowd.connections[0]
    firsts = db.execute("select id from message_jobs where message_content = any(%s)", [names])
    for (first,) in firsts.fetchall():
        db.execute(kind.until.encode(), [0, first])
    assert many == crowd.hand_over(size, kind.draft, names)
    count = "select count(*) from message_jobs where message_content = any(%s)"
    assert 40 == one(db, count, names)
