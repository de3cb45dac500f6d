"""The database explains itself: comments on all that is ours, and indexes that name their use."""

import re
from collections.abc import Iterator

import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests.house.statements import migrations, queries, query_files
from tests.integration.databases import Database, migrated, rolled_back

OURS = """
select c.oid, c.relkind, n.nspname || '.' || c.relname as name
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where
  c.relkind in ('r', 'v')
  and (n.nspname = 'messaging' or n.nspname = 'public' and c.relname like 'message_%')
"""
SERVES = re.compile(r"^-- serves: (.+)\ncreate (?:unique )?index (?:if not exists )?(\w+)", re.M)
INNER = {
    "why_refused", "same_number", "says_the_same", "unknown_field", "enqueue_together",
    "is_ours_to_cancel", "digits", "content_key", "is_proof", "key_is_over", "window_is_over",
    "release_keys", "may_have_another", "why_another",
}  # fmt: skip
"""Functions that enqueue or cancel alone calls; a comment above them in their file is enough."""


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def names(db: Database, statement: str) -> list[str]:
    return sorted(name for (name,) in db.execute(statement.encode()))


def test_our_tables_and_views_are_these(db: Database) -> None:
    expected = [
        "messaging.alert_notices",
        "messaging.alerts",
        "messaging.campaign_turns",
        "messaging.cap_counts",
        "messaging.cap_uses",
        "messaging.consent_events",
        "messaging.consents",
        "messaging.dead_numbers",
        "messaging.destinations",
        "messaging.dialing_codes",
        "messaging.erased_consents",
        "messaging.erasure_keys",
        "messaging.erasures",
        "messaging.heartbeats",
        "messaging.inbound_messages",
        "messaging.inbound_reading",
        "messaging.message_events",
        "messaging.occurrences",
        "messaging.opt_out_line",
        "messaging.prices",
        "messaging.retention_walks",
        "messaging.rule_versions",
        "messaging.rulebooks",
        "messaging.schema_migrations",
        "messaging.series",
        "messaging.stopped_jobs",
        "messaging.stopping",
        "messaging.stops",
        "messaging.template_versions",
        "messaging.watches",
        "public.message_jobs",
        "public.message_templates",
    ]
    assert expected == names(db, f"select name from ({OURS}) as ours where relkind = 'r'")


def test_every_table_and_view_has_a_comment(db: Database) -> None:
    silent = f"select name from ({OURS}) as ours where obj_description(oid, 'pg_class') is null"
    assert [] == names(db, silent)


def test_every_column_of_a_table_has_a_comment(db: Database) -> None:
    silent = f"""
        select ours.name || '.' || a.attname
        from ({OURS}) as ours
        join pg_attribute as a on a.attrelid = ours.oid
        where
          ours.relkind = 'r' and a.attnum > 0 and not a.attisdropped
          and col_description(a.attrelid, a.attnum) is null
    """
    assert [] == names(db, silent)


def test_every_function_and_type_that_others_use_has_a_comment(db: Database) -> None:
    functions = """
        select p.proname from pg_proc as p
        where
          p.pronamespace = 'messaging'::regnamespace
          and p.prorettype <> 'trigger'::regtype
          and obj_description(p.oid, 'pg_proc') is null
    """
    assert sorted(INNER) == names(db, functions)
    types = """
        select t.typname from pg_type as t
        join pg_class as c on c.oid = t.typrelid
        where
          t.typnamespace = 'messaging'::regnamespace
          and c.relkind = 'c'
          and obj_description(t.oid, 'pg_type') is null
    """
    assert [] == names(db, types)


def test_the_schema_has_a_comment(db: Database) -> None:
    silent = "select 'messaging' where obj_description('messaging'::regnamespace) is null"
    assert [] == names(db, silent)


def test_every_index_names_a_use_and_every_named_use_is_there(db: Database) -> None:
    """Primary keys are indexes too; they need no reason."""
    indexes = f"""
        select i.indexrelid::regclass::text
        from pg_index as i
        join ({OURS}) as ours on ours.oid = i.indrelid
        where not i.indisprimary
        union all
        select indexrelid::regclass::text
        from pg_index
        where indrelid = 'pgmq.q_sms_queue'::regclass and not indisprimary
    """
    there = [name.rpartition(".")[2] for name in names(db, indexes)]
    serving = {index: uses for sql in migrations() for uses, index in SERVES.findall(sql.text)}
    assert sorted(there) == sorted(serving)

    known = {query.name for sql in query_files() for query in queries(sql)}
    known |= set(
        names(db, "select proname from pg_proc where pronamespace = 'messaging'::regnamespace")
    )
    known |= set(names(db, "select viewname from pg_views where schemaname = 'messaging'"))
    used = {use for uses in serving.values() for use in re.split(r"[,;] *", uses)}
    assert set() == {use for use in used if re.fullmatch(r"\w+", use)} - known
