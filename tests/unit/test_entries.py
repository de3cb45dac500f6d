"""What the bridge does with each queue entry, whoever put it there."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.entries import (
    Early,
    Entry,
    Hint,
    Letter,
    Sorted,
    Standing,
    adopted,
    entry_of,
    sort,
)
from messaging.domain.job import JobId, Status

JOB = JobId(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"))
OTHER = JobId(UUID(int=2))
NAMED = {"job_id": str(JOB)}
WHOLE = {"recipient_phone": "+15555550100", "message_content": "Hello"}
FINISHED = sorted(set(Status) - {Status.PENDING, Status.PROCESSING, Status.IN_DOUBT})


def entry(message: object, msg_id: int = 1) -> Entry:
    return entry_of(msg_id, json.dumps(message))


def standing(
    status: str, id: JobId = JOB, *, prepared: bool = True, resends: int = 0, age: float = 0.0
) -> dict[JobId, Standing | None]:
    since = timedelta(seconds=age)
    return {id: Standing(status=Status(status), prepared=prepared, resends=resends, age=since)}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (NAMED, JOB),
        ({**NAMED, **WHOLE}, JOB),
        ({"job_id": str(JOB).upper()}, JOB),
        ({"job_id": "me"}, None),
        ({"job_id": 7}, None),
        ({"job_id": None}, None),
        ({}, None),
        (WHOLE, None),
        ([NAMED], None),
        (str(JOB), None),
        (None, None),
    ],
    ids=str,
)
def test_an_entry_names_a_job_or_none(message: object, expected: JobId | None) -> None:
    assert expected == entry(message).job_id


@pytest.mark.parametrize(("prepared", "place"), [(True, "ready"), (False, "unprepared")])
@pytest.mark.parametrize("message", [NAMED, {**NAMED, **WHOLE, "priority": 9}], ids=str)
def test_an_entry_of_a_pending_job_is_work(
    message: dict[str, object], prepared: bool, place: str
) -> None:
    found = sort([entry(message)], standing("pending", prepared=prepared))
    hint = Hint(job_id=JOB, msg_id=1)
    expected = Sorted(ready=[hint]) if place == "ready" else Sorted(unprepared=[hint])
    assert expected == found


def test_an_entry_of_a_job_that_is_sent_again_out_of_doubt_is_leased_for_less_time() -> None:
    hint = Hint(job_id=JOB, msg_id=1)
    expected = Sorted(ready=[hint], again=[1])
    assert expected == sort([entry(NAMED)], standing("pending", resends=1))


@pytest.mark.parametrize("status", ["processing", "in_doubt"])
def test_an_entry_of_a_job_that_may_have_to_be_sent_again_keeps_its_place(status: str) -> None:
    expected = Sorted(early=[Early(msg_id=1, age=timedelta(seconds=50))])
    assert expected == sort([entry(NAMED)], standing(status, age=50))


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        pytest.param(0, 2, id="just claimed: settled soon, most likely"),
        pytest.param(10, 10, id="under way for a while"),
        pytest.param(50, 13, id="its lease has run out"),
        pytest.param(62, 2, id="about to be decided"),
        pytest.param(90, 2, id="about to be decided, still"),
        pytest.param(210, 60, id="Twilio does not answer"),
        pytest.param(86_400, 600, id="nor does it for a day"),
    ],
)
def test_the_entry_of_a_text_in_doubt_is_looked_at_when_the_doubt_may_be_over(
    age: float, wait: float
) -> None:
    early = Early(msg_id=1, age=timedelta(seconds=age))
    assert timedelta(seconds=wait) == early.wait(timedelta(seconds=60))


@pytest.mark.parametrize("status", FINISHED)
def test_an_entry_of_a_job_that_needs_none_is_spent(status: str) -> None:
    assert Sorted(spent=[entry(NAMED)]) == sort([entry(NAMED)], standing(status))


def test_an_entry_of_a_job_of_which_nothing_is_to_be_known_is_work() -> None:
    assert Sorted(ready=[Hint(job_id=JOB, msg_id=1)]) == sort([entry(NAMED)], {})


@pytest.mark.parametrize("unusual", [{}, standing("pending")], ids=["ready", "told"])
def test_of_several_entries_of_a_job_the_first_is_work_and_the_rest_are_spent(
    unusual: dict[JobId, Standing | None],
) -> None:
    first, second, third = entry(NAMED, 1), entry({**NAMED, **WHOLE}, 2), entry(NAMED, 3)
    found = sort([first, second, third], unusual)
    assert Sorted(ready=[Hint(job_id=JOB, msg_id=1)], spent=[second, third]) == found


def test_entries_of_different_jobs_keep_their_order() -> None:
    jobs = standing("pending") | standing("pending", OTHER)
    entries = [entry({"job_id": str(OTHER)}, 1), entry(NAMED, 2)]
    assert [OTHER, JOB] == [hint.job_id for hint in sort(entries, jobs).ready]


@pytest.mark.parametrize(
    "message",
    [
        WHOLE,
        {"to": "+15555550100", "body": "Hello"},
        {"to": "+15555550100", "template_name": "greeting"},
        {"recipient_phone": "nonsense"},
    ],
    ids=str,
)
def test_a_whole_message_without_a_job_is_adopted(message: dict[str, object]) -> None:
    assert Sorted(whole=[entry(message)]) == sort([entry(message)], {})


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (None, "the entry is not a JSON object"),
        (5, "the entry is not a JSON object"),
        ("text", "the entry is not a JSON object"),
        ([WHOLE], "the entry is not a JSON object"),
        ({}, "the entry names no job and no recipient"),
        ({"hello": "world"}, "the entry names no job and no recipient"),
        ({"message_content": "Hello"}, "the entry names no job and no recipient"),
        ({"recipient_phone": None}, "the entry names no job and no recipient"),
        ({"recipient_phone": ""}, "the entry names no job and no recipient"),
        (NAMED, "there is no message with its job_id"),
        ({**WHOLE, **NAMED}, "there is no message with its job_id"),
        ({"job_id": "me"}, "there is no message with its job_id"),
    ],
    ids=str,
)
def test_an_entry_that_nobody_can_use_is_a_dead_letter(message: object, reason: str) -> None:
    dead = Letter(entry=entry(message), reason=reason)
    assert Sorted(dead=[dead]) == sort([entry(message)], {JOB: None})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (WHOLE, WHOLE),
        ({"to": "+1555", "body": "Hi"}, {"recipient_phone": "+1555", "message_content": "Hi"}),
        ({**WHOLE, "template_name": "a"}, {**WHOLE, "template": "a"}),
        ({**WHOLE, **NAMED}, WHOLE),
        ({**WHOLE, "job_id": "me"}, WHOLE),
        ({**WHOLE, "priority": None, "metadata": {}}, {**WHOLE, "metadata": {}}),
        ({**WHOLE, "status": "sent", "prepared": True, "retry_count": 2}, WHOLE),
        ("text", {}),
    ],
    ids=str,
)
def test_of_a_whole_message_only_what_a_draft_may_have_is_adopted(
    message: object, expected: dict[str, object]
) -> None:
    assert expected == adopted(entry(message))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["job_id", "to", "recipient_phone", "body", "x"]),
            inner | st.sampled_from([str(JOB), str(OTHER)]),
            max_size=4,
        )
    ),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=6), st.sampled_from(Status), st.booleans())
def test_every_entry_goes_to_exactly_one_place(
    messages: list[object], status: Status, prepared: bool
) -> None:
    entries = [entry(message, n) for n, message in enumerate(messages)]
    found = sort(entries, standing(status, prepared=prepared) | {OTHER: None})
    placed = [hint.msg_id for hint in found.ready + found.unprepared]
    placed += [each.msg_id for each in found.early]
    placed += [each.msg_id for each in found.spent + found.whole]
    placed += [letter.entry.msg_id for letter in found.dead]
    assert sorted(e.msg_id for e in entries) == sorted(placed)
    assert len(found.ready + found.unprepared) <= 1


@pytest.mark.parametrize("written", ["[" * 50_000 + "]" * 50_000, "9" * 10_000])
def test_json_that_python_cannot_read_is_an_entry_all_the_same(written: str) -> None:
    (letter,) = sort([entry_of(7, written)], {}).dead
    assert (7, written) == (letter.entry.msg_id, letter.entry.written)
