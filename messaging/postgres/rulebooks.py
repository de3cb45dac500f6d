"""Rulebooks: one function for each named query of `sql/rulebooks.sql`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from messaging.domain.job import JobId
from messaging.domain.rulebooks import Written
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """A version of a rule that SQL asks, and from when on it held."""

    rule: str
    version: int
    since: datetime


def keep(conn: Postgres, written: Written) -> None:
    """Puts a rulebook on record, unless it is."""
    conn.execute(query("rulebooks", "keep_rulebook"), {"key": written.key, "rules": written.rules})


def of_job(conn: Postgres, id: JobId) -> Mapping[str, list[Mapping[str, object]]]:
    """The rulebooks by which a job's attempts were judged, by their keys."""
    return dict(conn.execute(query("rulebooks", "rulebooks_of_job"), {"id": id}).fetchall())


def versions(conn: Postgres) -> Sequence[RuleVersion]:
    """The versions of the rules that SQL asks, oldest first."""
    with conn.cursor(row_factory=class_row(RuleVersion)) as cursor:
        return cursor.execute(query("rulebooks", "rule_versions")).fetchall()
