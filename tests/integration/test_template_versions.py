"""Versions of templates: each save makes one, and a message keeps the one it was made of."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from messaging import Draft, Messaging
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres.migrate import all_migrations, migrate
from messaging.runtime import Runtime
from messaging.settings import Settings
from tests.integration.databases import Database, empty, one
from tests.integration.story import TO, insert, row, take

VERSIONS = "select version, content ->> 'content_template' from messaging.template_versions"


@pytest.fixture
def outbox(settings: Settings) -> Iterator[Messaging]:
    with Messaging(settings) as messaging:
        yield messaging


def save(db: Database, text: str, **columns: object) -> UUID:
    """The template "greeting" with this text, as any client saves it."""
    values = {"name": "greeting", "content_template": text, **columns}
    places = ", ".join(f"%({name})s" for name in values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values)
    statement = (
        f"insert into message_templates ({', '.join(values)}) values ({places}) "
        f"on conflict (name) do update set {changes} returning id"
    )
    adapted = {key: Jsonb(v) if isinstance(v, dict) else v for key, v in values.items()}
    found = db.execute(statement.encode(), adapted).fetchone()
    assert found is not None
    id: UUID = found[0]
    return id


def version_of(db: Database, job: UUID) -> object:
    return one(db, "select template_version from message_jobs where id = %s", job)


def versions(db: Database) -> list[tuple[int, str]]:
    return [(version, text) for version, text in db.execute(f"{VERSIONS} order by version")]


def test_each_save_that_changes_what_it_says_makes_a_version(db: Database) -> None:
    id = save(db, "one")
    save(db, "two")
    save(db, "two")
    db.execute("update message_templates set name = 'hello', in_doubt_policy = 'hold'")
    db.execute("update message_templates set version = 9")
    db.execute('update message_templates set texts = \'{"de": "zwei"}\'')
    assert [(1, "one"), (2, "two"), (3, "two")] == versions(db)
    assert 3 == one(db, "select version from message_templates where id = %s", id)


@pytest.mark.parametrize("change", ["update {} set version = 7", "delete from {}"])
def test_a_version_is_never_changed(db: Database, change: str) -> None:
    save(db, "one")
    with pytest.raises(psycopg.errors.CheckViolation):
        db.execute(change.format("messaging.template_versions").encode())


def test_a_template_that_comes_back_under_its_id_goes_on_counting(db: Database) -> None:
    id = save(db, "one")
    db.execute("delete from message_templates")
    save(db, "two", id=id)
    assert [(1, "one"), (2, "two")] == versions(db)


def test_a_bare_row_is_made_of_the_version_that_was_current_when_it_came(
    rt: Runtime, db: Database
) -> None:
    """Also one that waited for its time, and also the values that the template gave."""
    template = save(db, "{{ hi }} {{ name }}", template_vars={"hi": "Hello"})
    id = insert(db, message_content="", template_id=template, template_vars=Jsonb({"name": "Ann"}))
    save(db, "{{ hi }}, {{ name }}!", template_vars={"hi": "Good day"})
    take(rt)
    assert ("Hello Ann", 1) == (row(db, id).message_content, version_of(db, id))


def test_a_bare_row_that_changes_its_template_changes_its_version(
    rt: Runtime, db: Database
) -> None:
    template = save(db, "one")
    save(db, "two")
    (other,) = db.execute(
        "insert into message_templates (name, content_template) values ('b', 'b') returning id"
    ).fetchall()[0]
    id = insert(db, message_content="", template_id=other)
    assert 1 == version_of(db, id)
    db.execute("update message_jobs set template_id = %s", [template])
    take(rt)
    assert ("two", 2) == (row(db, id).message_content, version_of(db, id))


def test_a_version_that_a_caller_writes_is_not_believed(db: Database) -> None:
    template = save(db, "one")
    assert 1 == version_of(db, insert(db, template_id=template, template_version=7))


def test_a_row_from_before_there_were_versions_is_made_of_the_template(
    rt: Runtime, db: Database
) -> None:
    id = insert(db, message_content="", template_id=save(db, "one"))
    db.execute("update message_jobs set template_version = null")
    take(rt)
    assert "one" == row(db, id).message_content


def test_a_draft_keeps_the_version_that_its_text_is_made_of(
    outbox: Messaging, db: Database
) -> None:
    save(db, "one")
    id = outbox.enqueue(Draft(to=TO, template="greeting"))
    save(db, "two")
    again = outbox.enqueue(Draft(to=TO, template="greeting"))
    texts = [(row(db, job).message_content, version_of(db, job)) for job in (id, again)]
    assert [("one", 1), ("two", 2)] == texts


def test_a_save_between_rendering_and_storing_is_not_taken_for_the_texts_version(
    outbox: Messaging, db: Database
) -> None:
    """The database notes what is current as it stores; what the text was made of counts."""
    save(db, "one")
    with db.transaction():
        db.execute(
            "create function save_two() returns trigger language plpgsql as $$ begin "
            "update message_templates set content_template = 'two'; return null; end $$"
        )
        db.execute(
            "create trigger meanwhile before insert on message_jobs for each statement "
            "execute function save_two()"
        )
    id = outbox.enqueue(Draft(to=TO, template="greeting"))
    assert ("one", 1) == (row(db, id).message_content, version_of(db, id))
    assert [(1, "one"), (2, "two")] == versions(db)


def test_a_duplicate_keeps_the_version_of_the_first(outbox: Messaging, db: Database) -> None:
    save(db, "one")
    draft = Draft(to=TO, template="greeting", idempotency_key="k")
    id = outbox.enqueue(draft)
    save(db, "two")
    assert id == outbox.enqueue(draft)
    assert ("one", 1) == (row(db, id).message_content, version_of(db, id))


@pytest.mark.parametrize("is_prepared", [True, False])
def test_a_replay_of_a_text_that_is_made_keeps_its_version(
    outbox: Messaging, db: Database, *, is_prepared: bool
) -> None:
    """What could not be prepared is made of the template that somebody has mended meanwhile."""
    template = save(db, "one")
    if is_prepared:
        id: UUID = outbox.enqueue(Draft(to=TO, template="greeting"))
    else:
        id = insert(db, message_content="", template_id=template)
    db.execute("update message_jobs set status = 'failed'")
    db.execute("insert into messaging.message_events (job_id, kind) values (%s, 'refused')", [id])
    save(db, "two")
    replay = db.execute("select result, new_id from messaging.replay(array[%s::uuid])", [id])
    ((result, new_id),) = replay.fetchall()
    assert ("replayed", 1 if is_prepared else 2) == (result, version_of(db, new_id))


def test_a_message_may_bring_its_own_media_or_take_the_templates(
    rt: Runtime, outbox: Messaging, db: Database
) -> None:
    template = save(
        db, "Look", media_urls=["https://example.com/{{ id }}.png"], template_vars={"id": 1}
    )
    own = ["https://example.com/own.png"]
    ids = [
        insert(db, message_content="", template_id=template, template_vars=Jsonb({"id": 7})),
        insert(db, message_content="", template_id=template, media_urls=own),
        outbox.enqueue(Draft(to=TO, template="greeting")),
    ]
    take(rt)
    media = [one(db, "select media_urls from message_jobs where id = %s", id) for id in ids]
    assert [["https://example.com/7.png"], own, ["https://example.com/1.png"]] == media
    assert 1 == one(db, "select max(segments) from message_jobs")


def test_an_item_without_media_is_a_duplicate_of_one_that_took_the_templates(
    rt: Runtime, db: Database
) -> None:
    save(db, "Look", media_urls=["https://example.com/a.png"])
    item = Jsonb([{"recipient_phone": TO, "template": "greeting", "idempotency_key": "k"}])
    assert "created" == one(db, "select result from messaging.enqueue(%s)", item)
    take(rt)
    assert "duplicate" == one(db, "select result from messaging.enqueue(%s)", item)


@pytest.mark.parametrize(
    ("text", "columns", "reason"),
    [
        (
            "{{ [].__class__ }}",
            {},
            "Template 'greeting': The template is wrong in line 1: a dot or a key after a name is "
            "not allowed; use plain names, if and comparisons.",
        ),
        (
            "{{ n }}",
            {"variables": {"n": "integer"}},
            "Template 'greeting': The variable 'n' is no whole number: give one.",
        ),
        (
            "Hi",
            {"variables": {"n": {"type": "colour"}}},
            "Template 'greeting': The variable 'n' has a type that there is not: use one of text, "
            "integer, number, money, date, time, datetime, url, bool, choice.",
        ),
        (
            "Hi",
            {"media_urls": ["{{ n }}"]},
            "Template 'greeting': Number 1 of the media_urls is no web address: give one that "
            "begins with https://, has no spaces and at most 2,048 characters.",
        ),
    ],
)
def test_a_template_that_sql_let_through_fails_its_messages_with_the_reason(
    rt: Runtime, db: Database, text: str, columns: dict[str, object], reason: str
) -> None:
    template = save(db, text, **columns)
    id = insert(db, message_content="", template_id=template, template_vars=Jsonb({"n": "x"}))
    assert [] == take(rt)
    assert "failed" == row(db, id).status
    assert reason == one(
        db, "select error_details ->> 'message' from message_jobs where id = %s", id
    )


def test_templates_and_waiting_rows_from_before_have_their_first_version(
    postgres: EmbeddedPostgres,
) -> None:
    names = [migration.name for migration in all_migrations()]
    before = all_migrations()[: names.index("template_versions")]
    with empty(postgres) as url, psycopg.connect(url, autocommit=True) as db:
        migrate(url, migrations=before)
        template = save(db, "one")
        waits, went = insert(db, template_id=template), insert(db, template_id=template)
        db.execute("update message_jobs set status = 'canceled' where id = %s", [went])
        migrate(url)
        assert [(1, "one")] == versions(db)
        assert (1, None) == (version_of(db, waits), version_of(db, went))
