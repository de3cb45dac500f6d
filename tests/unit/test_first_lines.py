"""The opt-out line in a plan."""

import json
from uuid import UUID

import pytest

from messaging.domain.category import Category
from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare
from messaging.domain.first_lines import FirstLines, Standing, check_room
from messaging.domain.opt_out_line import OptOutLines
from messaging.errors import Refused

LINE = "Reply STOP to opt out."
NEW, TOLD = Standing(had_line=False), Standing(had_line=True)


def lines(line: str = LINE) -> FirstLines:
    return FirstLines(OptOutLines(line=line))


def draft(to: str = "+14155550100", body: str = "Hi", category: str = "marketing") -> Prepared:
    return prepare(Draft(to=to, body=body, category=Category(category)), None, None)


def test_the_first_text_to_a_number_has_the_line_and_no_other() -> None:
    plan = lines()
    assert f"Hi\n{LINE}" == plan.with_line(draft(), NEW).message_content
    assert "Hi" == plan.with_line(draft(), NEW).message_content
    assert f"Hi\n{LINE}" == plan.with_line(draft("+14155550101"), NEW).message_content


@pytest.mark.parametrize(
    ("plan", "text", "standing"),
    [
        (lines(), draft(), TOLD),
        (lines(""), draft(), NEW),
        (lines(), draft(category="transactional"), NEW),
        (lines(), draft(body=LINE), NEW),
        (lines(), draft(), Standing(had_line=False, template_line="false")),
    ],
    ids=["told before", "no line", "another category", "there already", "its template says no"],
)
def test_a_text_that_gets_no_line_stays_as_it_is(
    plan: FirstLines, text: Prepared, standing: Standing
) -> None:
    assert text == plan.with_line(text, standing)


def test_segments_and_encoding_are_those_with_the_line() -> None:
    text = lines().with_line(draft(body="a" * 150), NEW)
    assert 2 == text.segments
    assert "UCS-2" == lines("Répondez STOPå ❤").with_line(draft(), NEW).encoding


def test_a_text_without_room_for_its_line_is_refused() -> None:
    with pytest.raises(Refused, match="opt-out line"):
        lines().with_line(draft(body="a" * 1600), NEW)


MOST = 1600 - 1 - len(LINE)


def check(draft: Draft, template: TemplateSource | None = None, **others: str) -> None:
    given = OptOutLines(line=LINE, by_language=others)
    check_room(prepare(draft, template, None), template, given)


def template(line: object = None, **columns: object) -> TemplateSource:
    content = json.dumps({"content_template": "{{ text }}", **columns})
    written = None if line is None else json.dumps(line)
    return TemplateSource(
        id=UUID(int=1), name="t", version=1, content=content, opt_out_line=written
    )


def of_template(text: str, **variables: str) -> Draft:
    return Draft(to="+14155550100", template="t", variables={"text": text, **variables})


def body(text: str, category: Category = Category.MARKETING) -> Draft:
    return Draft(to="+14155550100", body=text, category=category)


def test_a_text_that_has_no_room_for_the_line_is_refused_before_it_is_a_job() -> None:
    check(body("a" * MOST))
    with pytest.raises(Refused, match=f"shorten it to {MOST:,} or fewer"):
        check(body("a" * (MOST + 1)))


@pytest.mark.parametrize(
    ("draft", "made_of"),
    [
        (body("a" * 1600, Category.TRANSACTIONAL), None),
        (body("a" * 1570 + LINE), None),
        (of_template("a" * 1600), template()),
        (of_template("a" * 1600), template(False, category="marketing")),
        (of_template("a" * MOST), template(True)),
    ],
    ids=["transactional", "has it", "transactional template", "template says no", "fits"],
)
def test_a_text_that_gets_no_line_needs_no_room(
    draft: Draft, made_of: TemplateSource | None
) -> None:
    check(draft, made_of)


@pytest.mark.parametrize(
    ("draft", "made_of", "most"),
    [
        (of_template("a" * 1600), template(True), MOST),
        (of_template("a" * 1600), template(category="marketing"), MOST),
        (of_template("a" * 1600), template("E" * 160), 1439),
        (
            of_template("a" * 1600, language="de-AT"),
            template(True, texts={"de": "{{ text }}"}),
            1589,
        ),
        (of_template("a" * 1200), template("…" * 160, gsm7=True), 1119),
    ],
    ids=["template says yes", "its category", "own words", "language", "characters for others"],
)
def test_the_line_is_that_of_the_template_and_the_language(
    draft: Draft, made_of: TemplateSource, most: int
) -> None:
    with pytest.raises(Refused, match=f"shorten it to {most:,} or fewer"):
        check(draft, made_of, de="STOPP: nie")
