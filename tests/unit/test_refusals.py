"""What strangers send is told once, and then how often."""

from structlog.testing import capture_logs

from messaging.refusals import Refusals


def test_each_reason_is_told_at_once_and_then_each_minute_with_how_often() -> None:
    now = [0.0]
    refusals = Refusals("client", lambda: now[0])
    with capture_logs() as lines:
        for second, reason in ((0, "a"), (1, "a"), (2, "b"), (59, "a"), (60, "a"), (61, "a")):
            now[0] = second
            refusals.note(reason)
    told = [(line["event"], line["reason"], line["times"]) for line in lines]
    assert [
        ("client_refused", "a", 1),
        ("client_refused", "b", 1),
        ("client_refused", "a", 3),
    ] == told
