"""The table of changes: what it promises, and the page that explains it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.job import FINAL, TRANSITIONS, Lane, Status, can_become
from tests.house.tree import ROOT

PAGE = (ROOT / "docs/reference/statuses.md").read_text(encoding="utf-8")


@given(old=st.sampled_from(Status), new=st.sampled_from(Status))
def test_a_change_is_allowed_exactly_if_it_is_in_the_table(old: Status, new: Status) -> None:
    assert (old is new or new in TRANSITIONS[old]) == can_become(old, new)


def test_every_status_is_in_the_table() -> None:
    assert set(Status) == set(TRANSITIONS)


@given(st.sampled_from(sorted(FINAL)))
def test_only_proof_that_it_was_sent_leaves_a_final_status(status: Status) -> None:
    expected = set() if status is Status.SENT else {Status.SENT}
    assert expected == TRANSITIONS[status]


@given(st.lists(st.sampled_from(Status), min_size=1, max_size=20))
def test_a_text_that_was_sent_is_never_sent_again(wanted: list[Status]) -> None:
    """Whoever asks for whatever changes: after sent, a job is never again on its way."""
    status = Status.SENT
    for new in wanted:
        status = new if can_become(status, new) else status
    assert Status.SENT == status


def test_every_status_can_be_reached_and_left() -> None:
    reached = {new for following in TRANSITIONS.values() for new in following}
    assert set(Status) == reached
    assert {Status.SENT} == {status for status in Status if not TRANSITIONS[status]}


def test_from_everywhere_a_job_can_come_to_an_end() -> None:
    assert [] == [status for status in set(Status) - FINAL if not TRANSITIONS[status] & FINAL]


@pytest.mark.parametrize(
    ("priority", "lane", "queue"),
    [
        (-1, Lane.NORMAL, "sms_queue"),
        (5, Lane.NORMAL, "sms_queue"),
        (6, Lane.URGENT, "sms_priority_queue"),
    ],
)
def test_a_priority_above_five_is_urgent(priority: int, lane: Lane, queue: str) -> None:
    assert (lane, queue) == (Lane.of(priority), Lane.of(priority).queue)


def sections() -> dict[str, str]:
    """The sections of the page of statuses, by their headings."""
    pieces = re.split(r"^### `(\w+)`$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def test_the_page_of_statuses_has_a_section_for_each() -> None:
    assert sorted(Status) == sorted(sections())


@pytest.mark.parametrize("status", sorted(Status))
def test_the_page_of_statuses_says_what_may_follow_each(status: Status) -> None:
    (sentence,) = re.findall(r"^May become: (.+)\.$", sections()[status], flags=re.MULTILINE)
    assert sorted(TRANSITIONS[status]) == sorted(re.findall(r"`(\w+)`", sentence))


@pytest.mark.parametrize("status", sorted(Status))
def test_the_page_of_statuses_says_who_looks_next(status: Status) -> None:
    assert re.search(r"^Who looks next: .+\.$", sections()[status], flags=re.MULTILINE)
