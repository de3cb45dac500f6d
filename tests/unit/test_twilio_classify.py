"""What an answer of Twilio's, or its silence, means for a text."""

import json
from datetime import timedelta

import pytest

from messaging.domain.answers import (
    LATE_WAIT,
    Accepted,
    Answer,
    Fault,
    InDoubt,
    NotSent,
    Rejected,
)
from messaging.domain.job import Sid
from messaging.twilio import classify
from messaging.twilio.code_table import OF_THE_RECIPIENT, OF_THE_SENDER
from messaging.twilio.codes import (
    CODES,
    CONFIGURATION_WAIT,
    DAILY_WAIT,
    PRESSURE_WAIT,
    REFUSED_WAIT,
)
from messaging.twilio.stages import Stage

SID = "SM" + "0a" * 16
DATE = "Tue, 24 Nov 2026 10:00:00 GMT"


def created(**changes: object) -> str:
    record: dict[str, object] = {"sid": SID, "status": "queued", "num_segments": "2"}
    return json.dumps(record | changes)


def error(code: object, **more: object) -> str:
    return json.dumps({"code": code, "message": "Twilio's words", "status": 400} | more)


def kind(answer: Answer) -> str:
    return (
        f"{answer.fault} {'alert' if answer.alert else 'quiet'}"
        if isinstance(answer, Rejected)
        else type(answer).__name__
    )


@pytest.mark.parametrize(
    "stage, expected",
    [
        (Stage.START, ("NotSent", LATE_WAIT)),
        (Stage.RESOLVE, ("NotSent", classify.UNREACHABLE_WAIT)),
        (Stage.CONNECT, ("NotSent", classify.UNREACHABLE_WAIT)),
        (Stage.TLS, ("NotSent", classify.UNREACHABLE_WAIT)),
        (Stage.DEADLINE, ("NotSent", LATE_WAIT)),
        (Stage.WRITE, ("InDoubt", None)),
        (Stage.STATUS, ("InDoubt", None)),
        (Stage.BODY, ("InDoubt", None)),
    ],
)
def test_a_failure_is_certain_before_the_first_byte_and_in_doubt_after(
    stage: Stage, expected: tuple[str, timedelta | None]
) -> None:
    answer = classify.failure(stage, "why")
    assert answer.reason == "why"
    assert expected == (
        type(answer).__name__,
        answer.retry_after if isinstance(answer, NotSent) else None,
    )


def test_every_stage_has_its_row() -> None:
    assert len(Stage) == 8


@pytest.mark.parametrize("stage", [stage for stage in Stage if not stage.may_have_arrived])
def test_what_was_never_written_costs_no_retry(stage: Stage) -> None:
    answer = classify.failure(stage, "why")
    assert isinstance(answer, NotSent)
    assert not answer.costs_retry


@pytest.mark.parametrize(
    "stage, expected",
    [(stage, "InDoubt" if stage.may_have_arrived else "NotSent True") for stage in Stage],
)
def test_a_mistake_of_ours_costs_a_retry_and_quotes_nothing(stage: Stage, expected: str) -> None:
    answer = classify.unexpected(stage, ValueError("+15551230000"))
    costs = f" {answer.costs_retry}" if isinstance(answer, NotSent) else ""
    assert expected == f"{type(answer).__name__}{costs}"
    assert "ValueError" in answer.reason
    assert "+1555" not in answer.reason


@pytest.mark.parametrize(
    "body, expected",
    [
        (created(), Accepted(sid=Sid(SID), status="queued", segments=2)),
        (created(status="accepted", num_segments="0"), Accepted(sid=Sid(SID), status="accepted")),
        (created(status="scheduled"), Accepted(sid=Sid(SID), status="scheduled", segments=2)),
        (created(num_segments=None), Accepted(sid=Sid(SID), status="queued")),
        (created(num_segments="many"), Accepted(sid=Sid(SID), status="queued")),
        (created(status=None), Accepted(sid=Sid(SID), status="queued", segments=2)),
        (
            created(sid="MM" + "0" * 32),
            Accepted(sid=Sid("MM" + "0" * 32), status="queued", segments=2),
        ),
    ],
)
def test_a_readable_sid_means_accepted(body: str, expected: Answer) -> None:
    assert expected == classify.answer(201, {}, body)
    assert expected == classify.answer(200, {}, body)


@pytest.mark.parametrize(
    "status, body",
    [
        (201, ""),
        (204, ""),
        (201, "<html>"),
        (201, "[]"),
        (201, "null"),
        (201, created()[:-9]),
        (201, created(sid=None)),
        (201, created(sid="SM12")),
        (201, created(sid=SID + "0")),
        (201, created(sid="CA" + "0" * 32)),
        (202, "{}"),
        (201, "[" * 100_000),
        (500, error(20500)),
        (502, "<html>"),
        (503, error(20503)),
        (504, ""),
        (599, ""),
        (501, ""),
        (408, ""),
        (499, ""),
        (300, ""),
        (303, ""),
        (304, ""),
        (100, ""),
        (0, ""),
    ],
)
def test_what_does_not_say_whether_it_was_sent_is_in_doubt(status: int, body: str) -> None:
    assert isinstance(classify.answer(status, {"retry-after": "1"}, body), InDoubt)


@pytest.mark.parametrize(
    "status, body, code, expected",
    [
        (400, error(21211), 21211, "message quiet"),
        (400, error("21211"), 21211, "message quiet"),
        (400, error(21610), 21610, "message quiet"),
        (401, error(20003), 20003, "configuration alert"),
        (404, error(20404), 20404, "configuration alert"),
        (400, error(21606), 21606, "configuration alert"),
        (400, error(35118), 35118, "configuration alert"),
        (400, error(21611), 21611, "back_pressure quiet"),
        (429, error(63038), 63038, "back_pressure alert"),
        (400, error(99999), 99999, "message alert"),
        (403, error(99999), 99999, "configuration alert"),
        (400, error(None), None, "message alert"),
        (400, error("x"), None, "message alert"),
        (400, "", None, "message alert"),
        (400, "<html>", None, "message alert"),
        (413, "", None, "message alert"),
        (418, "", None, "message alert"),
        (401, "", None, "configuration alert"),
        (402, "", None, "configuration alert"),
        (403, "[]", None, "configuration alert"),
        (404, "", None, "configuration alert"),
        (405, "", None, "configuration alert"),
        (407, "", None, "configuration alert"),
        (301, "", None, "configuration alert"),
        (302, "", None, "configuration alert"),
        (307, "", None, "configuration alert"),
        (308, "", None, "configuration alert"),
    ],
)
def test_a_refusal_is_laid_at_the_right_door(
    status: int, body: str, code: int | None, expected: str
) -> None:
    answer = classify.answer(status, {}, body)
    assert isinstance(answer, Rejected)
    assert (code, expected) == (answer.code, kind(answer))
    assert answer.message


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: str(code.number))
def test_a_known_code_carries_its_consequences(code: object) -> None:
    known = CODES[int(str(getattr(code, "number", 0)))]
    answer = classify.answer(400, {}, error(known.number))
    expected = Rejected(
        code=known.number,
        message="Twilio's words",
        fault=known.fault,
        wait=known.wait,
        opt_out=known.opt_out,
        alert=known.alert,
        pauses=known.fault is Fault.CONFIGURATION and known.number not in OF_THE_RECIPIENT,
        of_sender=known.number in OF_THE_SENDER,
    )
    assert expected == answer


@pytest.mark.parametrize(
    "code, expected",
    [
        (21211, None),
        (20003, REFUSED_WAIT),
        (21606, CONFIGURATION_WAIT),
        (21611, PRESSURE_WAIT),
        (63038, DAILY_WAIT),
    ],
)
def test_how_long_a_refused_text_waits(code: int, expected: timedelta | None) -> None:
    answer = classify.answer(400, {}, error(code))
    assert isinstance(answer, Rejected)
    assert expected == answer.wait


@pytest.mark.parametrize(
    "body, expected",
    [
        (error(21211), "Twilio's words"),
        (json.dumps({"code": 21211}), "The recipient is not a valid phone number."),
        (
            json.dumps(
                {"type": "t", "title": "No", "detail": "none", "status": 400, "code": 21211}
            ),
            "No: none",
        ),
    ],
)
def test_twilios_own_words_go_before_ours(body: str, expected: str) -> None:
    answer = classify.answer(400, {}, body)
    assert isinstance(answer, Rejected)
    assert expected == answer.message


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": " 0 "}, timedelta(0)),
        ({"retry-after": "86400"}, classify.LONGEST_WAIT),
        ({"retry-after": "-5"}, classify.CROWDED_WAIT),
        ({"retry-after": "soon"}, classify.CROWDED_WAIT),
        ({"retry-after": "9" * 40}, classify.CROWDED_WAIT),
        ({}, classify.CROWDED_WAIT),
        (
            {"retry-after": "Tue, 24 Nov 2026 10:00:20 GMT", "date": DATE},
            timedelta(seconds=20),
        ),
        ({"retry-after": "Tue, 24 Nov 2026 09:00:00 GMT", "date": DATE}, timedelta(0)),
        ({"retry-after": "Wed, 25 Nov 2026 09:00:00 GMT", "date": DATE}, classify.LONGEST_WAIT),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:20 GMT"}, classify.CROWDED_WAIT),
        (
            {"retry-after": "Tue, 24 Nov 2026 10:00:20 -0000", "date": DATE},
            classify.CROWDED_WAIT,
        ),
    ],
)
def test_too_many_requests_were_not_sent_and_wait_as_asked(
    headers: dict[str, str], expected: timedelta
) -> None:
    answer = classify.answer(429, headers, error(20429))
    assert isinstance(answer, NotSent)
    assert (expected, False) == (answer.retry_after, answer.costs_retry)


def test_a_number_that_twilio_quotes_is_masked() -> None:
    body = json.dumps({"code": 21211, "message": "The 'To' number +15551230001 is not valid."})
    refused = classify.answer(400, {}, body)
    assert isinstance(refused, Rejected)
    assert "The 'To' number +1555*****01 is not valid." == refused.message
