"""docs/reference/sql.md tells the truth: its examples run, in order, and do what it says."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import TupleRow

from messaging.domain.receipt import RANK
from messaging.local.postgres import EmbeddedPostgres
from tests.house.tree import ROOT
from tests.integration.databases import Database, change, migrated, one
from tests.integration.story import entries, insert, row

PAGE = (ROOT / "docs/reference/sql.md").read_text(encoding="utf-8")
STATUSES = (ROOT / "docs/reference/statuses.md").read_text(encoding="utf-8")
LATER = "7b4c7c1e-8f5e-4d3e-9a51-02420a120002"
HELD = "7b4c7c1e-8f5e-4d3e-9a51-02420a120003"

COLUMNS = """
    select attname from pg_attribute where attrelid = 'message_jobs'::regclass and attnum > 0
"""
RELATIONS = """
    select format('%s.%s', nspname, relname)
    from pg_class join pg_namespace as n on n.oid = relnamespace
    where nspname in ('public', 'messaging') and relkind in ('r', 'v', 'm', 'p')
"""
ON_CLOCKS = {"category", "time_zone", "local_time"}
"""Fields that are taken off before the others are looked at."""

Rows = list[TupleRow]


@pytest.fixture(scope="module")
def db(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """The database after the page: every example of it has run."""
    with migrated(postgres) as url, psycopg.connect(url, autocommit=True) as conn:
        yield conn
        conn.execute("drop owned by shop")
        conn.execute("drop role shop")


@pytest.fixture(scope="module")
def shown(db: Database) -> dict[str, list[Rows]]:
    """What each section's statements returned, by its heading."""
    force_held(db)
    results: dict[str, list[Rows]] = {}
    for heading, section in sections(PAGE).items():
        for block in re.findall(r"^```sql\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            results.setdefault(heading, []).extend(run(db, block))
    return results


def force_held(db: Database) -> None:
    change(db, insert(db, id=HELD), {"status": "held", "due_at": None})


def sections(page: str) -> dict[str, str]:
    pieces = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def run(db: Database, block: str) -> list[Rows]:
    """The rows of each statement of a block that returns any."""
    with db.cursor() as cursor:
        cursor.execute(block.encode())
        return [result.fetchall() for result in cursor.results() if result.description]


def test_a_bare_row_is_queued(db: Database, shown: dict[str, list[Rows]]) -> None:
    status = "select status from message_jobs where recipient_phone = '+14155550101'"
    assert "pending" == one(db, status)
    assert 500 == one(
        db, "select count(*) from message_jobs where message_content = 'Doors open at 8.'"
    )
    assert len(entries(db)) > 500


def test_enqueue_answers_as_the_page_says(db: Database, shown: dict[str, list[Rows]]) -> None:
    (answers,) = shown["messaging.enqueue"]
    section = sections(PAGE)["messaging.enqueue"]
    table = re.findall(r"^\| (\d) \|.*\| `(\w+)` \| (.*?) *\|$", section, re.MULTILINE)
    assert [(str(position), result) for position, _, result, _ in answers] == [
        (position, result) for position, result, _ in table
    ]
    reasons = [(reason or "").replace(str(answers[0][1]), "…") for *_, reason in answers]
    assert reasons == [reason for _, _, reason in table]


def test_the_fields_of_enqueue_are_those_of_the_page(db: Database) -> None:
    table, text = (sections(PAGE)[name] for name in ("Hand a message over", "messaging.enqueue"))
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    columns = {name for cell in rows for name in re.findall(r"\w+", cell)}
    assert columns <= {name for (name,) in db.execute(COLUMNS)}
    more = set(re.findall(r"`(template|idempotency_ttl|dedupe_window|expires_in)`", text))
    of_services = {"prepared", "segments"}  # told where it says what is not for callers
    definition = one(db, "select pg_get_functiondef('messaging.unknown_field'::regproc)")
    known = set(re.findall(r"'(\w+)'", str(definition))) | ON_CLOCKS
    assert known - of_services == columns - {"status"} | more


def test_every_table_and_view_is_on_the_page(db: Database) -> None:
    there = {name for (name,) in db.execute(RELATIONS)}
    rows = re.findall(r"^\| (`.+?`) \|", sections(PAGE)["What there is"], re.MULTILINE)
    assert there == {name for cell in rows for name in re.findall(r"`([\w.]+)`", cell)}


def test_a_template_is_found_by_its_name(shown: dict[str, list[Rows]]) -> None:
    created, past = shown["Templates"]
    assert [("created",)] == created
    assert [1, 2] == [version for version, *_ in past]


def test_a_message_for_later_is_moved_and_canceled(
    db: Database, shown: dict[str, list[Rows]]
) -> None:
    assert [[("rescheduled",)], [("canceled",)]] == shown["For later"]
    (looked, journal, *_) = shown["Look"]
    assert [("canceled", None, None, 0, None, None)] == looked
    assert ["rescheduled", "canceled"] == [kind for _, kind, *_ in journal]


def test_the_dashboard_is_there(shown: dict[str, list[Rows]]) -> None:
    (_, _, sent_today, failed, depth, campaigns) = shown["Look"]
    assert ([(0,)], []) == (sent_today, failed)
    assert ["urgent", "normal", "dead"] == [lane for lane, *_ in depth]
    assert [None] == [campaign for campaign, *_ in campaigns]


def test_sending_again_is_a_new_message(db: Database, shown: dict[str, list[Rows]]) -> None:
    again = "select status from message_jobs where retry_of = %s"
    assert "pending" == one(db, again, LATER)
    ((_, result, new_id, reason),) = shown["Send again"][-1]
    assert ("not_failed", None) == (result, reason)
    assert new_id == one(db, "select id from message_jobs where retry_of = %s", LATER)


def test_a_held_message_is_settled_once(db: Database, shown: dict[str, list[Rows]]) -> None:
    """The page's three answers exclude each other: after the first, the others change nothing."""
    assert [[("sent",)], [("not_held",)], [("not_held",)], []] == shown["Held messages"]
    assert "sent" == one(db, "select status from message_jobs where id = %s", HELD)


@pytest.mark.parametrize("answer", [0, 1, 2])
def test_each_answer_about_a_held_message_works(
    db: Database, shown: dict[str, list[Rows]], answer: int
) -> None:
    (block,) = re.findall(
        r"^```sql\n(.*?)^```", sections(PAGE)["Held messages"], re.MULTILINE | re.DOTALL
    )
    statement = block.split("\n\n")[answer]
    id = insert(db)
    change(db, id, {"status": "held", "due_at": None})
    sid = f"SM{answer:032d}".replace("SM0", "SM1", 1)
    db.execute(statement.replace(HELD, str(id)).replace("SM" + "0" * 32, sid).encode())
    assert ["sent", "pending", "canceled"][answer] == row(db, id).status


def test_the_queues_are_as_the_page_says(db: Database, shown: dict[str, list[Rows]]) -> None:
    (sent, dead, letters) = shown["Queue entries and dead letters"]
    assert (1, [], []) == (len(sent), dead, letters)


def test_a_shop_may_insert_and_no_more(db: Database, shown: dict[str, list[Rows]]) -> None:
    with db.transaction():
        db.execute("set local role shop")
        db.execute(
            "insert into message_jobs (recipient_phone, message_content) "
            "values ('+14155550109', 'a')"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            db.execute("select from message_jobs")


def test_the_table_of_changes_answers(shown: dict[str, list[Rows]]) -> None:
    assert [[(False,)]] == shown["Not for callers"]


def test_every_kind_of_event_is_on_the_page() -> None:
    files = [*(ROOT / "migrations").glob("*.sql"), *(ROOT / "messaging/postgres/sql").glob("*.sql")]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    code += (ROOT / "messaging/domain/outcome.py").read_text(encoding="utf-8")
    code += (ROOT / "messaging/domain/doubt.py").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", sections(PAGE)["Look"], re.MULTILINE))
    named = {kind for cell in known for kind in re.findall(r"`(\w+)`", cell)}
    assert set() == {kind for kind in named if not re.search(rf"['\"]{kind}['\"]", code)}


def test_the_order_of_twilios_words_is_the_programs() -> None:
    table = re.findall(r"^\| (\d)(?: to (\d))? \| (.+) \|$", STATUSES, re.MULTILINE)
    ranks = {
        word: int(first) + (n if last else 0)
        for first, last, cell in table
        for n, word in enumerate(re.findall(r"`(\w+)`", cell))
    }
    assert RANK == ranks
