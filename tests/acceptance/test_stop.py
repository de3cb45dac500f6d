"""A STOP reaches everything that waits, in every state, while traffic to others goes on."""

import http.client
from datetime import datetime, timedelta
from itertools import count
from urllib.parse import urlencode

from messaging import Draft
from messaging.local.ports import LOOPBACK
from messaging.local.simulator import Kind, Match, Rule
from tests.integration.web_server import FORM, sign
from tests.stack.batch import FULL_SIZE, Batch, drafts, now, size
from tests.stack.stack import Stack

EACH = size(10, 250)
"""Texts in each of four states."""
OTHERS = size(60, 1000)
STOPPED = "+13125550142"
INBOUND = "/api/twilio/inbound"
_sids = count(1)


def say(stack: Stack, body: str) -> int:
    """Twilio posts a text of that number; the status that it is answered with.

    Not by the simulator, which would refuse further texts itself, as Twilio does.
    """
    form = {
        "MessageSid": f"SM{next(_sids):032x}",
        "From": STOPPED,
        "To": "+15005550006",
        "Body": body,
    }
    base = stack.environment["PUBLIC_BASE_URL"]
    signature = sign(base + INBOUND, list(form.items()), stack.twilio.config.auth_token)
    connection = http.client.HTTPConnection(LOOPBACK, stack.web_port, timeout=20)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature}
    try:
        connection.request("POST", INBOUND, urlencode(form), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def to_them(stack: Stack, words: str, **more: object) -> Batch:
    given = [Draft(to=STOPPED, body=f"{words} {n}", **more) for n in range(EACH)]  # type: ignore[arg-type]
    return Batch.of(stack, given)


def test_after_a_stop_no_request_to_that_number_starts(native: Stack) -> None:
    refused = native.twilio.faults.add(Rule(kind=Kind.REJECT, code=30022, match=Match(to=STOPPED)))
    retrying = to_them(native, "Refused at first")
    native.wait_until(lambda: retrying.are("retrying"))
    native.twilio.faults.remove(refused)
    kept = to_them(native, "Kept by Twilio", scheduled_for=now(native) + timedelta(hours=1))
    native.wait_until(lambda: _at_twilio(kept) == EACH)
    later = to_them(native, "For later", scheduled_for=now(native) + timedelta(minutes=9))
    others = Batch.of(native, drafts(OTHERS, "To somebody else"))
    at_once = to_them(native, "At once")

    said = now(native)
    assert 200 == say(native, "STOP")
    requests = _requests(native)
    native.wait_until(lambda: kept.are("canceled"))
    assert (retrying.are("suppressed"), later.are("suppressed")) == (True, True)
    native.wait_until(lambda: {"sent", "suppressed", "canceled"} >= set(at_once.statuses()))
    others.await_sent(OTHERS)
    assert requests == _requests(native)
    batches = (retrying, kept, later, at_once)
    ended = sorted(late for batch in batches for late in _ended(batch, said))
    p99, latest = ended[len(ended) * 99 // 100], ended[-1]
    print(f"{len(ended)} texts ended {p99:.3f} (p99) and {latest:.3f} s after the STOP was said")
    if FULL_SIZE:  # nothing else keeps the machine busy then
        assert p99 <= 1.0

    assert 200 == say(native, "START")
    Batch.of(native, [Draft(to=STOPPED, body="Welcome back")]).await_sent(1)
    assert (retrying.are("suppressed"), kept.are("canceled")) == (True, True)


def _requests(stack: Stack) -> int:
    return sum(message.to == STOPPED for message in stack.twilio.ledger.outbound)


def _at_twilio(batch: Batch) -> int:
    batch.stack.start_task("messaging.hand_over")
    return batch.delivery_statuses()["scheduled"]


def _ended(batch: Batch, said: datetime) -> list[float]:
    """Seconds from when the STOP was said to when each of those that it ended was ended."""
    rows = batch.stack.db.execute(
        "select extract(epoch from at - %s)::float from messaging.message_events "
        "where job_id = any(%s) and (kind = 'suppressed' or details ->> 'status' = 'canceled')",
        [said, list(batch.ids)],
    )
    return [late for (late,) in rows]
