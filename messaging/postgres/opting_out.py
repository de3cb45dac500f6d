"""The opt-out line in jobs: one function for each of its queries in `sql/jobs.sql`."""

from collections.abc import Iterable, Sequence

from psycopg.types.json import Jsonb

from messaging.domain.category import Category
from messaging.domain.job import JobId
from messaging.domain.opt_out_line import Completed, FirstText, OptOutLines
from messaging.postgres import arrays
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


def first_texts(conn: Postgres, ids: Iterable[JobId]) -> list[FirstText]:
    """Those of these jobs that go to numbers which have had no line, before their first try."""
    return [
        FirstText(
            id=JobId(id),
            message_content=message_content,
            has_media=has_media,
            category=Category(category),
            template_line=template_line,
            asked_language=asked_language,
            template_language=template_language,
            languages=languages,
            gsm7=gsm7,
        )
        for (
            id,
            message_content,
            has_media,
            category,
            template_line,
            asked_language,
            template_language,
            languages,
            gsm7,
        ) in conn.execute(query("jobs", "first_texts"), {"ids": arrays.ids(ids)}).fetchall()
    ]


def add_lines(conn: Postgres, texts: Sequence[Completed]) -> set[JobId]:
    """Adds their lines to jobs that nobody has tried yet; which these are."""
    rows = [{"id": str(text.id), "line": text.line, "segments": text.segments} for text in texts]
    return {
        JobId(id)
        for (id,) in conn.execute(query("jobs", "add_opt_out_lines"), {"texts": Jsonb(rows)})
    }


def template_lines(conn: Postgres) -> list[str]:
    """What templates say of the line, as JSON texts."""
    return [line for (line,) in conn.execute(query("templates", "opt_out_lines"))]


def note(conn: Postgres, lines: OptOutLines) -> None:
    """Tells those who hand bodies over with SQL which line to leave room for."""
    categories = sorted(lines.lined or ())
    conn.execute(query("jobs", "note_opt_out_line"), {"line": lines.line, "categories": categories})


def refuse(conn: Postgres, id: JobId, reason: str) -> bool:
    """Fails a job that its line does not fit into; False where it was claimed or ended."""
    row = conn.execute(query("jobs", "refuse_first_text"), {"id": id, "reason": reason}).fetchone()
    return row is not None and row[0] is not None
