"""The product's own decisions, asked as the product asks them and reduced to what the model knows.

Nothing is decided here: `messaging.twilio.classify`, `messaging.domain.outcome`, `.doubt` and
`.entries` are. Answers are kept, because the same few questions come up millions of times.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from messaging.domain.answers import Answer, InDoubt, Listed, NotSent
from messaging.domain.doubt import (
    CLEAN_READS,
    Doubt,
    LookAgain,
    by_policy,
    find_own,
    found,
    not_found,
    strangers,
)
from messaging.domain.entries import Standing, entry_of, sort
from messaging.domain.job import Claim, InDoubtPolicy, JobId, Phone, Sid, Status
from messaging.domain.outcome import Outcome, RetryRules, outcome
from messaging.twilio import classify
from messaging.twilio.stages import Stage
from tests.model.rules import MAX_RETRIES, TICK, Rules
from tests.model.state import NOTHING, Written

_ID = JobId(UUID(int=1))
_TO = Phone("+15555550100")
_BODY = "Hello"
_CLAIMED_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_SID = "SM" + "0" * 32

ANSWERS: dict[str, Answer] = {
    "accepted": classify.answer(201, {}, json.dumps({"sid": _SID, "status": "queued"})),
    "refused (21211)": classify.answer(400, {}, json.dumps({"code": 21211})),
    "too many requests (429)": classify.answer(429, {}, json.dumps({"code": 20429})),
    "HTTP 500": classify.answer(500, {}, ""),
    "no answer": classify.failure(Stage.STATUS, "no answer"),
    "no connection": classify.failure(Stage.CONNECT, "no connection"),
    "too late to write": classify.failure(Stage.DEADLINE, "too late"),
    "a failure of our own": classify.unexpected(Stage.START, ValueError()),
}
"""What a worker may see of its request, as the product classifies it."""

WITHOUT, OWN, ALTERED = "nothing", "the text", "a text with another body"
"""What a full read of Twilio's list may show."""


@cache
def come_to(word: str, rules: Rules, retries: int, resends: int) -> Written:
    """What an answer comes to for a claim with these counts: `messaging.domain.outcome`."""
    answer = ANSWERS[word]
    if isinstance(answer, InDoubt):
        answer = _instead_of_doubt(rules) or answer
    limited = resends if rules.limits_resends else 0
    return _written(outcome(_claim(retries, limited), answer, _rules(rules.policy), Random(0)))


@cache
def verdict(seen: str, rules: Rules, age: int, resends: int, reads: int) -> Written:
    """What a reconciler does after this read of the list: `messaging.domain.doubt`.

    NOTHING where it is to look again.
    """
    doubt = _doubt(age, resends if rules.limits_resends else 0, reads)
    decided = by_policy(doubt, rules.policy) or _by_list(doubt, seen, rules)
    if isinstance(decided, LookAgain):
        return NOTHING
    return _written(decided)


@cache
def asks_list(rules: Rules) -> bool:
    """Whether the policy leaves it to Twilio's list."""
    return by_policy(_doubt(0, 0, 0), rules.policy) is None


@cache
def bridge_does(status: str) -> str:
    """What the bridge does with an entry of a job in this status: ready, spent or nothing."""
    entry = entry_of(1, json.dumps({"job_id": str(_ID)}))
    standing = Standing(status=Status(status), prepared=True, resends=0, age=timedelta(0))
    sorted_out = sort([entry], {_ID: standing})
    if sorted_out.ready:
        return "ready"
    return "spent" if sorted_out.spent else "nothing"


def _by_list(doubt: Doubt, seen: str, rules: Rules) -> Outcome | LookAgain:
    listed = _listed(seen)
    if own := find_own(doubt, listed, ()):
        return found(doubt, own)
    others = len(strangers(doubt, listed, ())) if rules.heeds_strangers else 0
    if not rules.waits_for_quiet:
        return not_found(replace(doubt, clean_reads=CLEAN_READS), timedelta(0), others)
    return not_found(doubt, rules.times.quiescence * TICK, others)


def _instead_of_doubt(rules: Rules) -> Answer | None:
    """How a broken variant takes a request without an answer."""
    if not rules.doubts:
        return NotSent(reason="no answer", costs_retry=False)
    if rules.no_answer_is_sent:
        return ANSWERS["accepted"]
    return ANSWERS["refused (21211)"] if rules.gives_up else None


def _listed(seen: str) -> tuple[Listed, ...]:
    if seen == WITHOUT:
        return ()
    message = Listed(
        sid=Sid(_SID),
        to=_TO,
        sender=None,
        messaging_service_sid=None,
        body=_BODY if seen == OWN else f"{_BODY} (sent from a trial account)",
        status="sent",
        direction="outbound-api",
        date_created=_CLAIMED_AT,
    )
    return (message,)


def _claim(retries: int, resends: int) -> Claim:
    return Claim(
        id=_ID,
        attempt=1,
        recipient_phone=_TO,
        message_content=_BODY,
        media_urls=(),
        retry_count=retries,
        max_retries=MAX_RETRIES,
        in_doubt_policy=None,
        doubt_resends=resends,
    )


def _doubt(age: int, resends: int, reads: int) -> Doubt:
    return Doubt(
        id=_ID,
        attempt=1,
        recipient_phone=_TO,
        message_content=_BODY,
        has_media=False,
        in_doubt_policy=None,
        doubt_resends=resends,
        clean_reads=reads,
        claimed_at=_CLAIMED_AT,
        age=age * TICK,
        send_in=None,
    )


def _rules(policy: InDoubtPolicy) -> RetryRules:
    return RetryRules(base=TICK, longest=TICK, jitter=0, default_policy=policy)


def _written(decided: Outcome) -> Written:
    return Written(
        status=decided.status.value,
        retries=_count(decided.retry_count),
        resends=_count(decided.doubt_resends),
        sid=decided.twilio_sid is not None,
        reconciled=decided.kind == "reconciled",
        answer=str(decided.details.get("answer")),
    )


def _count(given: Any) -> int:
    return -1 if given is None else int(given)
