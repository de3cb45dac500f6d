"""What nobody can send: each ends with its own reason, and nothing else is held up by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from messaging import Draft
from tests.stack.batch import Batch, recipient
from tests.stack.stack import Stack

NOBODY = str(uuid4())
TO = recipient(7)

ENTRIES: dict[str, tuple[object, str]] = {
    "a number": (42, "the entry is not a JSON object"),
    "a text": ("hello", "the entry is not a JSON object"),
    "null": (None, "the entry is not a JSON object"),
    "a list": ([{"job_id": NOBODY}], "the entry is not a JSON object"),
    "an empty object": ({}, "the entry names no job and no recipient"),
    "an unknown job": ({"job_id": NOBODY}, "there is no message with its job_id"),
    "a job id that is none": ({"job_id": "17"}, "there is no message with its job_id"),
    "no text": ({"recipient_phone": TO}, "message_content is missing"),
    "a number that is none": (
        {"recipient_phone": "call me", "message_content": "Hi"},
        "recipient_phone is not a phone number",
    ),
    "a time that is none": (
        {"recipient_phone": TO, "message_content": "Hi", "scheduled_for": "soon"},
        "timestamp",
    ),
    "a priority that is none": (
        {"recipient_phone": TO, "message_content": "Hi", "priority": "high"},
        "integer",
    ),
    "a template that is not there": (
        {"recipient_phone": TO, "template_name": "nowhere"},
        "there is no template named 'nowhere'",
    ),
    "too long a text": ({"to": TO, "body": "x" * 1601}, "1601 characters"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A bare row that can be stored, but not sent."""

    reason: str
    phone: str = TO
    content: str = ""
    template: str | None = None
    variables: object = None


ROWS = {
    "too short a number": Row(phone="+1415555", content="Hi", reason="too few digits"),
    "a number in use nowhere": Row(phone="+19995551234", content="Hi", reason="no range"),
    "letters for a number": Row(phone="+1 212 CALL ME", content="Hi", reason="letters"),
    "no country code": Row(phone="212 555 0142", content="Hi", reason="country code"),
    "blank": Row(content="   ", reason="The text is empty"),
    "a variable that is missing": Row(template="Hi {{ name }}", variables={}, reason="'name'"),
    "a variable that is null": Row(
        template="Hi {{ name }}", variables={"name": None}, reason="'name' is null"
    ),
    "variables that are a list": Row(
        template="Hi {{ name }}", variables=["name"], reason="variables is a list"
    ),
    "variables that are a text": Row(
        template="Hi {{ name }}", variables="name", reason="variables is a str"
    ),
    "a template that loops": Row(
        template="{% for a in b %}{{ a }}{% endfor %}", variables={}, reason="loops are not allowed"
    ),
    "a template that cannot be read": Row(template="Hi {{", variables={}, reason="line 1"),
    "too long a text": Row(
        template="{{ a }}{{ a }}", variables={"a": "x" * 900}, reason="more than 1,600 characters"
    ),
}


@pytest.fixture(scope="module")
def letters(calm: Stack) -> Mapping[str, Mapping[str, Any]]:
    """The dead letter of each of ENTRIES, all of which are put into one queue together."""
    with calm.db.transaction():
        sent = {name: send(calm, entry) for name, (entry, _) in ENTRIES.items()}
    calm.wait_until(lambda: len(calm.entries("sms_dlq")) >= len(ENTRIES))
    found = {letter["msg_id"]: letter for letter in calm.entries("sms_dlq")}
    return {name: found[msg_id] for name, msg_id in sent.items()}


@pytest.fixture(scope="module")
def rows(calm: Stack) -> Mapping[str, UUID]:
    """The job of each of ROWS, all of which are inserted together."""
    with calm.db.transaction():
        ids = {name: insert(calm, row) for name, row in ROWS.items()}
    batch = Batch(stack=calm, ids=list(ids.values()))
    calm.wait_until(lambda: batch.are("failed"))
    return ids


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_that_is_not_ours_becomes_a_dead_letter_with_the_reason(
    letters: Mapping[str, Mapping[str, Any]], name: str
) -> None:
    entry, reason = ENTRIES[name]
    assert entry == letters[name]["message"]
    assert reason in letters[name]["reason"]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_cannot_be_sent_fails_with_its_reason(
    calm: Stack, rows: Mapping[str, UUID], name: str
) -> None:
    message = calm.messaging.status(rows[name])
    assert message.error_details is not None
    assert ROWS[name].reason in str(message.error_details["message"])
    assert ["refused"] == [event.kind for event in calm.messaging.events(rows[name])]


def test_good_texts_among_bad_ones_arrive(
    calm: Stack, letters: Mapping[str, object], rows: Mapping[str, UUID]
) -> None:
    with calm.db.transaction():
        for entry, _ in ENTRIES.values():
            send(calm, entry)
        good = calm.messaging.enqueue(Draft(to=TO, body="Among bad ones"), conn=calm.db)
        for row in ROWS.values():
            insert(calm, row)
    Batch(stack=calm, ids=[good]).assert_delivered_once()


def test_nobody_crashed_over_any_of_it(calm: Stack, rows: object, letters: object) -> None:
    """Last: it reads the logs of all that went before."""
    assert "Traceback" not in calm.logs()
    assert [] == [child.name for child in calm.children.values() if not child.is_running()]


def send(calm: Stack, entry: object) -> int:
    """Puts an entry into the queue; its number."""
    row = calm.db.execute("select pgmq.send('sms_queue', %s)", [Jsonb(entry)]).fetchone()
    assert row is not None
    return int(row[0])


def insert(calm: Stack, row: Row) -> UUID:
    """Inserts a bare row, and the template that it uses."""
    found = calm.db.execute(
        "with used as ("
        "  insert into message_templates (name, content_template) "
        "  select gen_random_uuid()::text, %(template)s::text where %(template)s is not null "
        "  returning id) "
        "insert into message_jobs (recipient_phone, message_content, template_id, template_vars) "
        "select %(phone)s, %(content)s, (select id from used), %(variables)s returning id",
        {
            "template": row.template,
            "phone": row.phone,
            "content": row.content,
            "variables": None if row.variables is None else Jsonb(row.variables),
        },
    ).fetchone()
    assert found is not None
    id: UUID = found[0]
    return id
