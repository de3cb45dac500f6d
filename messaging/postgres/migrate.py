"""Applies `migrations/*.sql`, forward only, each file in one transaction of its own."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pgmq.install import get_embedded_install_sql
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.errors import Misconfigured
from messaging.postgres.named import query

_LOCK = 0x6D657373  # "mess": one migration at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A file of `migrations/`: its version is the timestamp that its name begins with."""

    version: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A migration, whether the database has it, and whether its file has changed since."""

    migration: Migration
    applied: bool
    changed: bool = False


def all_migrations() -> tuple[Migration, ...]:
    """Every migration of this version of the package, oldest first."""
    found = (
        Migration(
            version=path.name.partition("_")[0],
            name=path.name.partition("_")[2].removesuffix(".sql"),
            sql=path.read_text(encoding="utf-8"),
        )
        for path in sorted(_folder().glob("*.sql"))
    )
    return tuple(found)


def standing(url: str) -> tuple[Standing, ...]:
    """Each migration and whether the database at `url` has it; changes nothing."""
    wanted = all_migrations()
    with psycopg.connect(url, autocommit=True) as conn:
        noted = _applied(conn)
        applied = noted.keys() | _pushed(conn)
    return tuple(
        Standing(
            migration=migration,
            applied=migration.version in applied,
            changed=noted.get(migration.version, migration.checksum) != migration.checksum,
        )
        for migration in wanted
    )


def migrate(
    url: str, *, migrations: Sequence[Migration] | None = None, lock_timeout: str = "10s"
) -> tuple[Migration, ...]:
    """Brings the database at `url` up to date and returns what was applied.

    `migrations` are those of this version of the package unless others are given. Safe to run
    from several places at once: they take turns. A migration that would wait longer than
    `lock_timeout` for a table gives up and leaves the database as the last file left it.
    Raises Misconfigured where an applied file has changed since, and psycopg.Error where a
    statement fails.
    """
    wanted = all_migrations() if migrations is None else migrations
    with psycopg.connect(url, autocommit=True) as conn, _turn(conn):
        conn.execute("select set_config('lock_timeout', %s, false)", [lock_timeout])
        _install_pgmq(conn)
        _open_ledger(conn, wanted)
        applied = _applied(conn)
        _refuse_changed(wanted, applied)
        missing = [m for m in wanted if m.version not in applied]
        for migration in missing:
            _apply(conn, migration)
    return tuple(missing)


def _folder() -> Path:
    return Path(__file__).parent.parent / "migrations"


@contextmanager
def _turn(conn: Connection[TupleRow]) -> Iterator[None]:
    conn.execute(query("migrations", "take_turn"), {"lock": _LOCK})
    try:
        yield
    finally:
        conn.execute(query("migrations", "end_turn"), {"lock": _LOCK})


def _install_pgmq(conn: Connection[TupleRow]) -> None:
    row = conn.execute(query("migrations", "pgmq_wanted")).fetchone()
    if row and row[0]:
        with conn.transaction():
            conn.execute(get_embedded_install_sql())


def _open_ledger(conn: Connection[TupleRow], wanted: Sequence[Migration]) -> None:
    """What `supabase db push` has applied counts as applied."""
    with conn.transaction():
        conn.execute(query("migrations", "create_schema"))
        conn.execute(query("migrations", "create_ledger"))
        pushed = _pushed(conn)
        for migration in wanted:
            if migration.version in pushed:
                conn.execute(query("migrations", "note"), _note(migration))


def _pushed(conn: Connection[TupleRow]) -> set[str]:
    row = conn.execute(query("migrations", "supabase_ledger")).fetchone()
    if not row or not row[0]:
        return set()
    return {version for (version,) in conn.execute(query("migrations", "supabase_versions"))}


def _applied(conn: Connection[TupleRow]) -> dict[str, str]:
    row = conn.execute(query("migrations", "has_ledger")).fetchone()
    if not row or not row[0]:
        return {}
    rows: Sequence[TupleRow] = conn.execute(query("migrations", "applied")).fetchall()
    return dict(rows)


def _refuse_changed(wanted: Sequence[Migration], applied: dict[str, str]) -> None:
    for migration in wanted:
        known = applied.get(migration.version)
        if known and known != migration.checksum:
            raise Misconfigured(
                f"Migration {migration.version}_{migration.name} was applied with other content. "
                "An applied file must not change: restore it, and write a new migration instead."
            )


def _apply(conn: Connection[TupleRow], migration: Migration) -> None:
    with conn.transaction():
        conn.execute(migration.sql)
        conn.execute(query("migrations", "note"), _note(migration))


def _note(migration: Migration) -> dict[str, str]:
    return {
        "version": migration.version,
        "name": migration.name,
        "checksum": migration.checksum,
    }
