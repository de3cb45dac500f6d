"""Templates: one function for each named query of `sql/templates.sql`."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.domain.content import Content
from messaging.domain.job import InDoubtPolicy
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template as it is stored; `content` is what it says, as JSON for `domain.content`.

    `in_doubt_policy` is for messages without one of their own; `opt_out_line` is JSON, as text.
    """

    name: str
    version: int
    content_template: str
    languages: list[str]
    category: str
    content: str
    in_doubt_policy: str | None
    opt_out_line: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a template said from `saved_at` on; `saved_by` is a role of the database."""

    version: int
    content: str
    saved_at: datetime
    saved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What a save came to."""

    is_new: bool
    version: int


def put(
    conn: Postgres,
    *,
    name: str,
    content: Content,
    policy: InDoubtPolicy | None = None,
    opt_out_line: object = None,
) -> Put:
    """Stores a template, in place of one that has this name.

    `policy` is for messages in doubt that have none of their own, `opt_out_line` for first texts
    to a number (`domain.opt_out_line.checked`); None for the installation's.
    """
    row = conn.execute(
        query("templates", "put_template"),
        {
            "name": name,
            "content_template": content.content_template,
            "template_vars": Jsonb(dict(content.template_vars)),
            "language": content.language,
            "texts": Jsonb(dict(content.texts)),
            "variables": Jsonb(dict(content.variables)),
            "media_urls": list(content.media_urls),
            "category": content.category,
            "gsm7": content.gsm7,
            "in_doubt_policy": policy,
            "opt_out_line": None if opt_out_line is None else Jsonb(opt_out_line),
        },
    ).fetchone()
    assert row is not None
    return Put(is_new=row[0], version=row[1])


def all_of_them(conn: Postgres) -> list[Template]:
    """The templates by their names."""
    with conn.cursor(row_factory=class_row(Template)) as cursor:
        return cursor.execute(query("templates", "all_templates")).fetchall()


def named(conn: Postgres, name: str) -> Template | None:
    """The template of this name, or None."""
    with conn.cursor(row_factory=class_row(Template)) as cursor:
        return cursor.execute(query("templates", "template_named"), {"name": name}).fetchone()


def versions(conn: Postgres, name: str) -> list[Version]:
    """What the template of this name has said, newest first; empty where there is none."""
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(query("templates", "versions_of_template"), {"name": name}).fetchall()
