"""The opt-out line in a plan."""

import pytest

from messaging.domain.category import Category
from messaging.domain.draft import Draft, Prepared, prepare
from messaging.domain.first_lines import FirstLines, Standing
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
