"""What each kind of request fault does with a request.

`accept()` does what the request asks for and returns the answer it should have had.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from messaging.local.simulator.connection import Turn
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.refusals import Refusal, refusal
from messaging.local.simulator.requests import Response, error_response, json_response
from messaging.local.simulator.rules import Kind, Rule

Accept: TypeAlias = Callable[[], Response]
Misbehaviour: TypeAlias = Callable[[Exchange, Turn, Accept, Rule], Awaitable[None]]


def of(kind: Kind) -> Misbehaviour:
    """What a request fault of this kind does."""
    return _ALL[kind]


async def _too_many_requests(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    wait = {} if rule.retry_after is None else {"Retry_After": str(rule.retry_after)}
    turn.answer(error_response(refusal(20429), **wait))


async def _reject(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    form = turn.request.form
    code = rule.code or 21211
    words = {"to": form.get("To"), "sender": form.get("From"), "resource": turn.request.path}
    turn.answer(error_response(refusal(code, callback=form.get("StatusCallback"), **words)))


async def _error_before(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    turn.answer(_server_error(rule))


async def _error_after(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    answer = accept()
    turn.answer(_server_error(rule) if answer.status < 400 else answer)


async def _slow(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    answer = accept()
    await asyncio.sleep(rule.delay_ms / 1000)
    turn.answer(answer)


async def _hang_before(exchange: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    if await exchange.holds.hold(turn, "before", exchange.clock.now()):
        turn.answer(accept())


async def _hang_after(exchange: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    answer = accept()
    if await exchange.holds.hold(turn, "after", exchange.clock.now()):
        turn.answer(answer)


async def _hang_midway(exchange: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    answer = accept()
    turn.answer_partly(answer)
    if await exchange.holds.hold(turn, "midway", exchange.clock.now()):
        turn.answer_rest(answer)


async def _reset_before(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    turn.reset()


async def _reset_after(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    accept()
    turn.reset()


async def _truncate(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    turn.truncate(accept())


async def _no_sid(_: Exchange, turn: Turn, accept: Accept, rule: Rule) -> None:
    answer = accept()
    content = json.loads(answer.body or b"{}")
    content.pop("sid", None)
    turn.answer(json_response(answer.status, content))


def _server_error(rule: Rule) -> Response:
    code = 20503 if rule.http_status == 503 else 20500
    message = refusal(code).message
    return error_response(Refusal(code=code, message=message, status=rule.http_status))


_ALL: dict[Kind, Misbehaviour] = {
    Kind.TOO_MANY_REQUESTS: _too_many_requests,
    Kind.REJECT: _reject,
    Kind.ERROR_BEFORE: _error_before,
    Kind.ERROR_AFTER: _error_after,
    Kind.SLOW: _slow,
    Kind.HANG_BEFORE: _hang_before,
    Kind.HANG_AFTER: _hang_after,
    Kind.HANG_MIDWAY: _hang_midway,
    Kind.RESET_BEFORE: _reset_before,
    Kind.RESET_AFTER: _reset_after,
    Kind.TRUNCATE: _truncate,
    Kind.NO_SID: _no_sid,
}
