"""Drafts: what becomes of a good one, and the sentence for each bad one."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest

from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare, priority_for
from messaging.domain.job import InDoubtPolicy, JobId, Phone
from messaging.domain.segments import Encoding
from messaging.errors import Refused

TO = "+14155552671"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ONE = UUID(int=1)
GREETING = TemplateSource(
    id=UUID(int=7), name="greeting", version=3, content='{"content_template": "Hi {{ name }}!"}'
)


def saying(text: str, **columns: object) -> TemplateSource:
    """The template, with this text and these columns besides."""
    return replace(GREETING, content=json.dumps({"content_template": text, **columns}))


IMAGE = "https://example.com/a.png"

PLAIN = Prepared(
    id=None,
    user_id=None,
    recipient_phone=Phone(TO),
    message_content="Hello",
    template_id=None,
    template_version=None,
    template_vars={},
    scheduled_for=None,
    priority=0,
    max_retries=None,
    metadata={},
    media_urls=(),
    in_doubt_policy=None,
    idempotency_key=None,
    idempotency_ttl=None,
    dedupe_window=None,
    expires_at=None,
    max_carrier_retries=None,
    encoding=Encoding.GSM7,
    segments=1,
)


def test_the_shortest_draft_leaves_the_rest_to_the_defaults() -> None:
    prepared = prepare(Draft(to="(415) 555-2671", body="Hello"), None, "US")
    assert prepared == PLAIN


def test_a_full_draft_arrives_whole() -> None:
    draft = Draft(
        to=TO,
        body="Hello",
        scheduled_for=NOON,
        priority=6,
        user_id=ONE,
        metadata={"type": "task_reminder", "nested": [1, None]},
        max_retries=0,
        media_urls=[IMAGE],
        in_doubt_policy=InDoubtPolicy.HOLD,
        idempotency_key="order-1",
        idempotency_ttl=timedelta(days=1),
        dedupe_window=timedelta(0),
        id=ONE,
    )
    expected = replace(
        PLAIN,
        scheduled_for=NOON,
        priority=6,
        user_id=ONE,
        metadata={"type": "task_reminder", "nested": [1, None]},
        max_retries=0,
        media_urls=(IMAGE,),
        in_doubt_policy=InDoubtPolicy.HOLD,
        idempotency_key="order-1",
        idempotency_ttl=timedelta(days=1),
        dedupe_window=timedelta(0),
        id=JobId(ONE),
    )
    assert expected == prepare(draft, None, None)


def test_a_template_is_rendered_with_its_variables() -> None:
    draft = Draft(to=TO, template="greeting", variables={"name": "Zoë’s"})
    expected = replace(
        PLAIN,
        message_content="Hi Zoë’s!",
        template_id=GREETING.id,
        template_version=3,
        template_vars={"name": "Zoë’s"},
        encoding=Encoding.UCS2,
    )
    assert expected == prepare(draft, GREETING, None)


def test_a_template_has_values_for_what_the_draft_leaves_out() -> None:
    template = saying(
        "{{ greeting }} {{ name }}", template_vars={"greeting": "Hi", "name": "friend"}
    )
    draft = Draft(to=TO, template="greeting", variables={"name": "Ann"})
    expected = "Hi Ann"
    assert expected == prepare(draft, template, None).message_content


@pytest.mark.parametrize(
    "draft, segments",
    [
        (Draft(to=TO, body="a" * 161), 2),
        (Draft(to=TO, body="a" * 161, media_urls=[IMAGE]), 1),
        (Draft(to=TO, media_urls=[IMAGE]), 1),
        (Draft(to=TO, body="a" * 1600), 11),
    ],
)
def test_a_draft_knows_what_it_costs(draft: Draft, segments: int) -> None:
    assert segments == prepare(draft, None, None).segments


@pytest.mark.parametrize(
    "draft, expected",
    [
        (
            Draft(to="555", body="Hi"),
            "The phone number ***** does not begin with + and a country code: write it as"
            " +14155552671, or set MESSAGING_DEFAULT_REGION.",
        ),
        (Draft(to=4155552671, body="Hi"), "to is a int: give a text."),  # type: ignore[arg-type]
        (Draft(to=TO), "The text is empty: give a body, a template or media_urls."),
        (Draft(to=TO, body=" \n"), "The text is empty: give a body, a template or media_urls."),
        (
            Draft(to=TO, body="Hi", template="greeting"),
            "Both body and template are given: give one of them.",
        ),
        (
            Draft(to=TO, body="Hi {{name}}", variables={"name": "Ann"}),
            "There are variables but no template: name a template, or leave them out.",
        ),
        (
            Draft(to=TO, body="x" * 1601),
            "The body has 1,601 characters: shorten it to 1,600 or fewer, or split it.",
        ),
        (
            Draft(to=TO, body="a\0b"),
            "body has a NUL character (U+0000), which cannot be stored: remove it.",
        ),
        (
            Draft(to=TO, body="a\ud83d"),
            "body has half of a surrogate pair: give well-formed Unicode.",
        ),
        (
            Draft(to=TO, body="Hi", scheduled_for=NOON.replace(tzinfo=None)),
            "scheduled_for has no time zone: give one, for example UTC.",
        ),
        (
            Draft(to=TO, body="Hi", scheduled_for=date(2026, 1, 1)),  # type: ignore[arg-type]
            "scheduled_for is a date: give a datetime with a zone.",
        ),
        (
            Draft(to=TO, body="Hi", expires_at=NOON.replace(tzinfo=None)),
            "expires_at has no time zone: give one, for example UTC.",
        ),
        (
            Draft(to=TO, body="Hi", scheduled_for=NOON, expires_at=NOON),
            "expires_at must be after scheduled_for: it could never be sent.",
        ),
        (
            Draft(to=TO, body="Hi", max_carrier_retries=4),
            "max_carrier_retries must be a whole number from 0 to 3.",
        ),
        (
            Draft(to=TO, body="Hi", priority=101),
            "priority must be a whole number from -100 to 100.",
        ),
        (
            Draft(to=TO, body="Hi", priority=True),
            "priority must be a whole number from -100 to 100.",
        ),
        (
            Draft(to=TO, body="Hi", priority=10**5000),
            "priority must be a whole number from -100 to 100.",
        ),
        (
            Draft(to=TO, body="Hi", priority="5"),  # type: ignore[arg-type]
            "priority must be a whole number from -100 to 100.",
        ),
        (
            Draft(to=TO, body="Hi", max_retries=21),
            "max_retries must be a whole number from 0 to 20.",
        ),
        (
            Draft(to=TO, body="Hi", max_retries=-1),
            "max_retries must be a whole number from 0 to 20.",
        ),
        (
            Draft(to=TO, media_urls=[IMAGE] * 11),
            "There are 11 media_urls: give 10 or fewer.",
        ),
        (
            Draft(to=TO, media_urls=[IMAGE, "ftp://example.com/a.png"]),
            "Number 2 of the media_urls is no web address: give one that begins with https://, has"
            " no spaces and at most 2,048 characters.",
        ),
        (
            Draft(to=TO, media_urls=["https://a b"]),
            "Number 1 of the media_urls is no web address: give one that begins with https://, has"
            " no spaces and at most 2,048 characters.",
        ),
        (
            Draft(to=TO, media_urls=["https://[::1"]),
            "Number 1 of the media_urls is no web address: give one that begins with https://, has"
            " no spaces and at most 2,048 characters.",
        ),
        (Draft(to=TO, media_urls=IMAGE), "media_urls is a str: give a list of addresses."),
        (
            Draft(to=TO, body="Hi", metadata={"at": NOON}),
            "metadata cannot be written as JSON: give only texts, finite numbers, true, false,"
            " null, and lists and objects of them.",
        ),
        (
            Draft(to=TO, body="Hi", metadata={"n": float("nan")}),
            "metadata cannot be written as JSON: give only texts, finite numbers, true, false,"
            " null, and lists and objects of them.",
        ),
        (
            Draft(to=TO, body="Hi", metadata={"a": ["b\0"]}),
            "metadata has a NUL character (U+0000), which cannot be stored: remove it.",
        ),
        (
            Draft(to=TO, body="Hi", metadata={"a": "\ud83d"}),
            "metadata has half of a surrogate pair: give well-formed Unicode.",
        ),
        (
            Draft(to=TO, body="Hi", metadata=["a"]),  # type: ignore[arg-type]
            "metadata is a list: give an object of names and values.",
        ),
        (
            Draft(to=TO, body="Hi", idempotency_key=""),
            "idempotency_key has 0 characters: give 1 to 255 of them.",
        ),
        (
            Draft(to=TO, body="Hi", idempotency_key="k" * 256),
            "idempotency_key has 256 characters: give 1 to 255 of them.",
        ),
        (
            Draft(to=TO, body="Hi", user_id="ann"),  # type: ignore[arg-type]
            "user_id is a str: give a UUID.",
        ),
        (
            Draft(to=TO, body="Hi", in_doubt_policy="ask"),  # type: ignore[arg-type]
            "in_doubt_policy must be one of reconcile, hold, resend, fail.",
        ),
        (
            Draft(to=TO, template="gone"),
            "There is no template 'gone': check its name or id.",
        ),
    ],
)
def test_a_wrong_draft_is_refused_with_what_to_do(draft: Draft, expected: str) -> None:
    with pytest.raises(Refused) as refusal:
        prepare(draft, None, None)
    assert expected == str(refusal.value)


@pytest.mark.parametrize(
    "source, variables, expected",
    [
        (
            "Hi {{ name }}",
            {},
            "Template 'greeting': The template needs the variable 'name', which was not given:"
            " add it.",
        ),
        (
            "{% if %}",
            {},
            "Template 'greeting': The template is wrong in line 1: Expected an expression, got"
            " 'end of statement block'.",
        ),
        (
            "{{ name }}",
            {"name": " "},
            "Template 'greeting' makes an empty text with these variables.",
        ),
        (
            "{{ name }}",
            {"name": "\0"},
            "Template 'greeting': variables has a NUL character (U+0000), which cannot be stored:"
            " remove it.",
        ),
    ],
)
def test_a_template_that_does_not_fit_is_refused_by_name(
    source: str, variables: dict[str, object], expected: str
) -> None:
    draft = Draft(to=TO, template="greeting", variables=variables)
    with pytest.raises(Refused) as refusal:
        prepare(draft, saying(source), None)
    assert expected == str(refusal.value)


@pytest.mark.parametrize(
    "variables, defaults, expected",
    [
        (
            ["name"],
            {},
            "Template 'greeting': variables is a list: give an object of names and values.",
        ),
        (
            {"name": "Ann"},
            ["name"],
            "Template 'greeting': template_vars is a list: give an object of names and values.",
        ),
    ],
)
def test_variables_of_a_bare_row_that_are_no_object_are_refused(
    variables: Mapping[str, object], defaults: Mapping[str, object], expected: str
) -> None:
    draft = Draft(to=TO, template="greeting", variables=variables)
    with pytest.raises(Refused) as refusal:
        prepare(draft, saying("Hi {{ name }}!", template_vars=defaults), None)
    assert expected == str(refusal.value)


@pytest.mark.parametrize("far", [datetime.min, datetime(1969, 12, 31), datetime.max])
@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_a_time_that_no_client_reads_is_refused(far: datetime, hours: int) -> None:
    moment = far.replace(tzinfo=timezone(timedelta(hours=hours)))
    local = Draft(to=TO, body="Hi", local_time=far, time_zone="Pacific/Auckland")
    for name, draft in {
        "scheduled_for": Draft(to=TO, body="Hi", scheduled_for=moment),
        "expires_at": Draft(to=TO, body="Hi", expires_at=moment),
        "local_time": local,
        "local_time ": replace(local, time_zone=None),
    }.items():
        with pytest.raises(Refused, match=f"{name.strip()} must be between the years 1970 and 999"):
            prepare(draft, None, None)


@pytest.mark.parametrize(
    ("name", "draft"),
    [
        ("metadata", Draft(to=TO, body="Hi", metadata={"a": "é" * 50_000})),
        ("variables", Draft(to=TO, template="greeting", variables={"name": "é" * 50_000})),
    ],
)
def test_objects_that_are_too_large_are_refused(name: str, draft: Draft) -> None:
    with pytest.raises(Refused, match=f"{name} has more than 100,000 bytes as JSON"):
        prepare(draft, GREETING if draft.template else None, None)


def test_a_backslash_before_u0000_is_no_nul_character() -> None:
    metadata = {"regex": r"\u0000", "path": "\\\\u0000"}
    assert metadata == prepare(Draft(to=TO, body="Hi", metadata=metadata), None, None).metadata


@pytest.mark.parametrize(
    "due_in, expected",
    [
        (timedelta(hours=-2), 10),
        (timedelta(minutes=59), 10),
        (timedelta(hours=1), 5),
        (timedelta(hours=23, minutes=59), 5),
        (timedelta(hours=24), 1),
        (timedelta(days=30), 1),
    ],
)
def test_a_reminder_is_the_more_urgent_the_sooner_it_is_due(
    due_in: timedelta, expected: int
) -> None:
    assert expected == priority_for(due_in)
