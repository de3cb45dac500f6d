"""Literals of arrays: Postgres reads what was written."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import arrays
from tests.integration.databases import Database, one

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=5
) | st.sampled_from(["", "NULL", "null", "{}", '"', "\\", '\\"', '","', " a ", "a\nb", "{a,b}"])


@pytest.fixture(scope="module")
def db(postgres: EmbeddedPostgres) -> Iterator[Database]:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        yield conn


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXTS, min_size=1, max_size=5))
def test_texts_arrive_as_they_are(db: Database, values: list[str]) -> None:
    assert values == one(db, "select %s::text[]", arrays.texts(values))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXTS | st.none(), min_size=1, max_size=5))
def test_nulls_among_texts_stay_null(db: Database, values: list[str | None]) -> None:
    expected = values if any(value is not None for value in values) else None
    assert expected == one(db, "select %s::text[]", arrays.optional(values))


def test_an_array_of_arrays_is_read_row_by_row(db: Database) -> None:
    rows = [["a"], None, ['"', "\\,"]]
    literal = arrays.optional([arrays.texts(row) if row else None for row in rows])
    read = db.execute("select r::text[] from unnest(%s::text[]) as r", [literal]).fetchall()
    assert rows == [row for (row,) in read]


def test_whole_numbers_arrive_as_they_are(db: Database) -> None:
    assert [-100, 0, 2147483647] == one(
        db, "select %s::int[]", arrays.numbers([-100, 0, 2**31 - 1])
    )


@pytest.mark.parametrize("values", [[1, None, -2.5, 1e300], [0], [None, None]])
def test_nulls_among_numbers_stay_null(db: Database, values: list[float | None]) -> None:
    expected = None if values == [None, None] else values
    assert expected == one(db, "select %s::float8[]", arrays.optional_numbers(values))


@pytest.mark.parametrize("values", [["\0"], ["a", "b\0c"], ["\0", "\0\0"]])
def test_a_text_with_a_nul_is_refused(values: list[str]) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        arrays.texts(values)
