"""SQL says what it promises: named queries, indexes, tables and columns."""

import re

import pytest

from tests.house.statements import (
    Query,
    Sql,
    bare,
    columns,
    migrations,
    queries,
    query_files,
    tables,
)
from tests.house.tree import expect_none, product

_KEYWORD = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|AND|OR|NOT|NULL|JOIN|ON|SET|VALUES|RETURNING|WITH|"
    r"AS|ORDER|GROUP|BY|LIMIT|CREATE|TABLE|INDEX|FUNCTION|BEGIN|END|IF|THEN|ELSE|IN|IS)\b"
)
_POSITIONAL = re.compile(r"%s|\$\d")
_INDEX = re.compile(r"^(.*)\ncreate (?:unique )?index (?:if not exists )?(\w+)", re.MULTILINE)
_ANY_INDEX = re.compile(r"create (?:unique )?index", re.IGNORECASE)
_MADE = re.compile(r"create (?:or replace )?(?:function|view) messaging\.(\w+)")
_USED = re.compile(r"\bquery\(\s*\"(\w+)\",\s*\"(\w+)\"")


def silent(query: Query) -> bool:
    """Whether a query says no sentence about what it promises."""
    return not re.fullmatch(r"[A-Z].*\.", query.promise)


def shouting(sql: Sql) -> list[str]:
    """Keywords in capitals, outside comments and literals."""
    return [f"{sql.path}: {word}" for word in sorted(set(_KEYWORD.findall(bare(sql.text))))]


def unexplained_indexes(sql: Sql) -> list[str]:
    """Indexes without a line above that begins with `-- serves: `."""
    found = _INDEX.findall(sql.text)
    silent_ones = [name for above, name in found if not above.startswith("-- serves: ")]
    missed = len(_ANY_INDEX.findall(bare(sql.text))) - len(found)
    return [f"{sql.path}: {name}" for name in silent_ones] + [f"{sql.path}: an index"] * missed


def served(sql: Sql) -> list[tuple[str, str]]:
    """Index and query, for every query that an index names; what has spaces is explanation."""
    return [
        (index, name)
        for above, index in _INDEX.findall(sql.text)
        for name in re.split(r"[,;] *", above.removeprefix("-- serves: "))
        if re.fullmatch(r"\w+", name)
    ]


def uncommented(made: list[Sql]) -> list[str]:
    """Tables and columns of ours that no migration comments on."""
    text = "\n".join(sql.text for sql in made)
    wanted = [f"table {table}" for sql in made for table in tables(sql)]
    wanted += [f"column {table}.{column}" for sql in made for table, column in columns(sql)]
    return [thing for thing in wanted if f"comment on {thing} is" not in text]


def noun(path: str) -> str:
    """The noun of a file of queries, as code names it."""
    return path.split("/")[-1].removesuffix(".sql")


def all_queries() -> list[Query]:
    """Every named query."""
    return [query for sql in query_files() for query in queries(sql)]


def test_every_named_query_says_in_a_sentence_what_it_promises() -> None:
    expect_none(f"{query.path}: {query.name}" for query in all_queries() if silent(query))


def test_every_named_query_has_a_statement_and_named_parameters() -> None:
    expect_none(
        f"{query.path}: {query.name}"
        for query in all_queries()
        if not query.statement or _POSITIONAL.search(query.statement)
    )


def test_every_query_that_the_code_names_is_there() -> None:
    there = {(noun(query.path), query.name) for query in all_queries()}
    used = {pair for module in product() for pair in _USED.findall(module.source)}
    expect_none(f"{file}.{name}" for file, name in sorted(used - there))


def test_every_named_query_is_named_in_the_code() -> None:
    code = "".join(module.source for module in product())
    expect_none(
        f"{query.path}: {query.name}" for query in all_queries() if f'"{query.name}"' not in code
    )


def test_keywords_are_in_lower_case() -> None:
    expect_none(word for sql in [*query_files(), *migrations()] for word in shouting(sql))


def test_every_index_names_what_it_serves() -> None:
    expect_none(finding for sql in migrations() for finding in unexplained_indexes(sql))


def test_every_query_that_an_index_serves_is_there() -> None:
    there = {query.name for query in all_queries()}
    there |= {name for sql in migrations() for name in _MADE.findall(sql.text)}
    expect_none(
        f"{index} serves {name}, which is neither a named query nor a function or view"
        for sql in migrations()
        for index, name in served(sql)
        if name not in there
    )


def test_every_table_and_column_has_a_comment() -> None:
    expect_none(uncommented(migrations()))


def test_migrations_are_named_by_time_and_purpose() -> None:
    names = [sql.path.removeprefix("migrations/") for sql in migrations()]
    expect_none(name for name in names if not re.fullmatch(r"\d{14}_[a-z_]+\.sql", name))


EXAMPLE = """-- name: one
-- Gives one.
select 1

-- name: two
select 2

-- name: three
-- gives three
select %s
"""


def test_queries_are_cut_at_their_names() -> None:
    one, two, three = queries(Sql(path="example.sql", text=EXAMPLE))
    assert ("one", "Gives one.", "select 1") == (one.name, one.promise, one.statement)
    assert [False, True, True] == [silent(one), silent(two), silent(three)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-- serves: claim\ncreate index i on t (c);", []),
        ("-- for speed\ncreate index i on t (c);", ["example.sql: i"]),
        ("\ncreate unique index if not exists i on t (c);", ["example.sql: i"]),
        ("begin; create index i on t (c);", ["example.sql: an index"]),
    ],
)
def test_an_index_that_serves_nothing_is_found(text: str, expected: list[str]) -> None:
    assert expected == unexplained_indexes(Sql(path="example.sql", text=text))


def test_an_index_may_serve_several_queries_and_say_why() -> None:
    text = "-- serves: claim, sweep; a key is one message\ncreate index i on t (c);"
    assert [("i", "claim"), ("i", "sweep")] == served(Sql(path="example.sql", text=text))


def test_tables_and_columns_without_comments_are_found() -> None:
    text = """create table if not exists public.jobs (
  id uuid primary key,
  status text
    check (status in ('a', 'b')),
  constraint jobs_status check (true)
);
alter table public.jobs
  alter column status set not null,
  add column if not exists due_at timestamptz;
comment on column public.jobs.id is 'Ours.';
"""
    expected = ["table public.jobs", "column public.jobs.status", "column public.jobs.due_at"]
    assert expected == uncommented([Sql(path="example.sql", text=text)])


def test_keywords_in_capitals_are_found_outside_comments_and_literals() -> None:
    text = "SELECT 'AND' as \"OR\" -- FROM\nfrom jobs"
    assert ["example.sql: SELECT"] == shouting(Sql(path="example.sql", text=text))
