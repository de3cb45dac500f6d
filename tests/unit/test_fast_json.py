"""JSON for Postgres."""

import json

import pytest

from messaging.domain.job import Status
from messaging.postgres.fast_json import rows_as_jsonb


@pytest.mark.parametrize("text", ["plain", "ünï😀", 'a "quote" \\', "\x00"])
def test_rows_are_what_the_standard_library_makes_of_them(text: str) -> None:
    rows = [{"status": Status.SENT, "due_in": 1.5, "details": {"reason": text, "code": None}}]
    assert json.loads(dumped(rows)) == json.loads(json.dumps(rows))


def test_what_no_utf_8_can_hold_is_left_for_postgres_to_refuse() -> None:
    assert '["\\ud800"]' == dumped(["\ud800"])


def dumped(rows: object) -> str | bytes:
    parameter = rows_as_jsonb(rows)
    assert parameter.dumps is not None
    return parameter.dumps(rows)
