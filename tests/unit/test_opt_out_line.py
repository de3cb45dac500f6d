"""The opt-out line: which texts get it, in which words, and what they cost with it."""

import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.category import Category
from messaging.domain.job import MAX_BODY, JobId
from messaging.domain.linting import lint
from messaging.domain.opt_out_line import (
    FirstText,
    OptOutLines,
    below,
    checked,
    completed,
)
from messaging.domain.segments import count
from messaging.errors import Misconfigured, Refused
from messaging.settings import load

LINE = "Reply STOP to opt out."
LINES = OptOutLines(line=LINE, by_language={"de": "Stopp mit STOPP.", "fr-CA": "STOP"})
TEXT = FirstText(
    id=JobId(UUID(int=1)),
    message_content="Sale!",
    has_media=False,
    category=Category.MARKETING,
)


@pytest.mark.parametrize(
    ("category", "of_template", "gets_it"),
    [
        (Category.MARKETING, None, True),
        (Category.TRANSACTIONAL, None, False),
        (Category.TRANSACTIONAL, True, True),
        (Category.TRANSACTIONAL, "STOP ends it.", True),
        (Category.MARKETING, False, False),
    ],
)
def test_the_category_decides_unless_the_template_does(
    category: Category, of_template: object, gets_it: bool
) -> None:
    written = None if of_template is None else json.dumps(of_template)
    text = replace(TEXT, category=category, template_line=written)
    assert gets_it is (LINES.of(text) is not None)
    assert gets_it is bool(LINES.added_to({"category": category}, of_template)(""))
    assert replace(LINES, line="").of(text) is None


@pytest.mark.parametrize(
    ("asked", "language", "languages", "of_template", "line"),
    [
        (None, None, [], None, LINE),
        ("de", None, [], None, LINE),
        ("de-AT", "en", ["de"], None, "Stopp mit STOPP."),
        ("fr", "en", ["de"], None, LINE),
        (None, "de", [], None, "Stopp mit STOPP."),
        (None, "fr-CA", [], None, "STOP"),
        ("de", "en", ["de"], {"de": "Ende: STOPP"}, "Ende: STOPP"),
        ("de", "en", ["de"], {"en": "End: STOP"}, "Stopp mit STOPP."),
        (None, "en", [], {"en": "End: STOP"}, "End: STOP"),
        (None, "en", [], {"en": 7}, LINE),
        (None, "en", [], " ", LINE),
        (None, None, [], True, LINE),
    ],
)
def test_the_line_is_in_the_language_of_the_text(
    asked: str | None, language: str | None, languages: list[str], of_template: object, line: str
) -> None:
    text = replace(
        TEXT,
        asked_language=asked,
        template_language=language,
        languages=languages,
        template_line=None if of_template is None else json.dumps(of_template),
    )
    assert line == LINES.of(text)


def test_a_template_of_plain_characters_gets_a_line_of_them() -> None:
    curly = replace(LINES, line="Reply “STOP”.")
    assert 'Reply "STOP".' == curly.of(replace(TEXT, gsm7=True))
    assert "Reply “STOP”." == curly.of(TEXT)
    assert 'Reply "STOP".' in curly.all_of_them([])


@given(body=st.text("a€é😀", max_size=400), line=st.text("STOP €", min_size=1, max_size=40))
def test_a_text_counts_with_its_line_and_gets_it_once(body: str, line: str) -> None:
    text = replace(TEXT, message_content=body)
    done = completed(text, line)
    said = below(body, done.line) if done.line else body
    assert line in said
    assert count(said).parts == done.segments
    again = completed(replace(text, message_content=said), line)
    assert ("", done.segments) == (again.line, again.segments)


def test_a_picture_is_one_message_whatever_it_says() -> None:
    text = replace(TEXT, message_content="", has_media=True)
    assert (LINE, 1) == (completed(text, LINE).line, completed(text, LINE).segments)
    assert LINE == below("", LINE)


def test_a_text_without_room_for_the_line_is_refused() -> None:
    room = MAX_BODY - len(LINE) - 1
    assert LINE == completed(replace(TEXT, message_content="a" * room), LINE).line
    with pytest.raises(Refused, match="1,601 characters with the opt-out line: shorten it"):
        completed(replace(TEXT, message_content="a" * (room + 1)), LINE)


@pytest.mark.parametrize("value", [7, "", " ", "x" * 161, [], {}, {"de": ""}, {"de": 1}, "a\0"])
def test_what_is_no_line_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="opt_out_line"):
        checked(value, "opt_out_line")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MESSAGING_OPT_OUT_LINE", "x" * 161),
        ("MESSAGING_OPT_OUT_LINES", "Stopp"),
        ("MESSAGING_OPT_OUT_LINES", '["Stopp"]'),
        ("MESSAGING_OPT_OUT_LINES", '{"de": ""}'),
        ("MESSAGING_OPT_OUT_LINE_CATEGORIES", "marketing,news"),
    ],
)
def test_a_wrong_setting_says_so(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        load({"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x", name: value})


@pytest.mark.parametrize(
    ("given", "lined"),
    [
        ({}, frozenset({Category.MARKETING})),
        ({"MESSAGING_OPT_OUT_LINE": "off"}, None),
        ({"MESSAGING_OPT_OUT_LINE_CATEGORIES": "none"}, frozenset()),
        ({"MESSAGING_OPT_OUT_LINE_CATEGORIES": "marketing,transactional"}, frozenset(Category)),
    ],
)
def test_settings_say_whose_texts_get_it(
    given: dict[str, str], lined: frozenset[Category] | None
) -> None:
    settings = load({"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x", **given})
    assert lined == settings.lines.lined


def test_linting_counts_the_line_at_worst_and_asks_for_no_other() -> None:
    columns = {"content_template": "a" * 150, "category": "marketing"}
    (warning,) = lint(columns).findings
    assert "opt out" in warning.what
    found = lint(columns, LINES.added_to(columns, None))
    assert [] == found.findings
    ((best, worst, characters),) = [
        (size.best, size.worst, size.characters) for size in found.sizes
    ]
    assert (1, 2, 150 + 1 + len(LINE)) == (best, worst, characters)
    long = {**columns, "content_template": "a" * 1590}
    (warning,) = lint(long, LINES.added_to(long, None)).findings
    assert "1,613 characters" in warning.what
