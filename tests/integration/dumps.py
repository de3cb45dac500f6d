"""All that a database holds, as text: each table of each schema, and what the planner remembers."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

Database = Connection[TupleRow]


def dump(db: Database) -> str:
    """What `pg_dump` would write of the rows, whatever tables there are, and the statistics."""
    parts = [_copied(db, schema, table) for schema, table in tables(db)]
    parts.append(_copied(db, "pg_catalog", "pg_stats"))
    return "\n".join(parts)


def tables(db: Database) -> list[tuple[str, str]]:
    """Schema and name of each table that is not Postgres' own, partitions included."""
    return db.execute(
        "select n.nspname, c.relname from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema') "
        "and n.nspname not like 'pg\\_t%' order by 1, 2"
    ).fetchall()


def holding(db: Database, word: str) -> set[str]:
    """The tables in which a word stands."""
    return {
        f"{schema}.{table}" for schema, table in tables(db) if word in _copied(db, schema, table)
    }


def contents(db: Database) -> dict[str, str]:
    """All that is in the database: a hash of each table's rows."""
    tables = db.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables "
        "where schemaname in ('public', 'messaging', 'pgmq')"
    ).fetchall()
    hashes = {}
    for (table,) in tables:
        row = db.execute(
            f"select count(*) || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') "
            f"from {table} as t".encode()
        ).fetchone()
        assert row is not None
        hashes[table] = str(row[0])
    return hashes


def _copied(db: Database, schema: str, table: str) -> str:
    statement = sql.SQL("copy (select * from {}) to stdout").format(sql.Identifier(schema, table))
    with db.cursor() as cursor, cursor.copy(statement) as copied:
        return "".join(bytes(row).decode() for row in copied)
