"""Templates: one function for each named query of `sql/templates.sql`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.domain.job import InDoubtPolicy
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template as it is stored; `template_vars` are values for what a message does not give.

    `in_doubt_policy` is for messages without one of their own.
    """

    name: str
    content_template: str
    template_vars: Mapping[str, object] | None
    in_doubt_policy: str | None
    updated_at: datetime | None


def put(
    conn: Postgres,
    *,
    name: str,
    text: str,
    defaults: Mapping[str, object],
    policy: InDoubtPolicy | None = None,
) -> bool:
    """Stores a template, in place of one that has this name; whether there was none.

    `policy` is for messages in doubt that have none of their own; None for the installation's.
    """
    row = conn.execute(
        query("templates", "put_template"),
        {
            "name": name,
            "content_template": text,
            "template_vars": Jsonb(dict(defaults)),
            "in_doubt_policy": policy,
        },
    ).fetchone()
    return bool(row and row[0])


def all_of_them(conn: Postgres) -> list[Template]:
    """The templates by their names."""
    with conn.cursor(row_factory=class_row(Template)) as cursor:
        return cursor.execute(query("templates", "all_templates")).fetchall()
