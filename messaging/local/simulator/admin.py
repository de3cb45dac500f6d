"""The admin API under /_simulator/: ledger, faults, holds, inbound texts, configuration.

It has no credentials and answers clients on this machine only.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Final, TypeAlias

from pydantic import TypeAdapter, ValidationError

from messaging.local.simulator import life
from messaging.local.simulator.config import FIXED, Config
from messaging.local.simulator.connection import Turn
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.faults import Armed
from messaging.local.simulator.inbound import Inbound, receive
from messaging.local.simulator.ledgerbook import book, summary
from messaging.local.simulator.requests import Request, Response, json_response
from messaging.local.simulator.rules import Rule

PREFIX: Final = "/_simulator"
_SECRET = frozenset(("auth_token", "api_secret"))
_RULE = TypeAdapter(Rule)
_CONFIG = TypeAdapter(Config)
_INBOUND = TypeAdapter(Inbound)
_started = time.monotonic()

Door: TypeAlias = Callable[[Exchange, Request, str], Response]
"""Answers one admin call; the text is the path after the call's name."""


def serve(exchange: Exchange, turn: Turn) -> None:
    """Answer an admin call."""
    request = turn.request
    if not turn.from_loopback:
        turn.answer(_problem(403, "The admin API answers only on the machine it runs on."))
        return
    name, _, rest = request.path.removeprefix(f"{PREFIX}/").partition("/")
    if (request.method, name) == ("POST", "inbound"):
        exchange.spawn(_take_in(exchange, turn))
        return
    door = _DOORS.get((request.method, name))
    if door is None:
        turn.answer(_problem(404, f"There is no {request.method} {request.path}."))
        return
    turn.answer(_open(door, exchange, request, rest))


def calls() -> list[str]:
    """Every admin call: `GET health`."""
    return [f"{method} {name}" for method, name in (*_DOORS, ("POST", "inbound"))]


def _open(door: Door, exchange: Exchange, request: Request, rest: str) -> Response:
    try:
        return door(exchange, request, rest)
    except ValidationError as error:
        return _problem(400, _sentence(error))


async def _take_in(exchange: Exchange, turn: Turn) -> None:
    try:
        text = _INBOUND.validate_json(turn.request.body)
    except ValidationError as error:
        turn.answer(_problem(400, _sentence(error)))
        return
    received = await receive(exchange, text)
    turn.answer(json_response(201, asdict(received)))


def _health(exchange: Exchange, _: Request, __: str) -> Response:
    content = {
        "status": "ok",
        "account_sid": exchange.config.account_sid,
        "messages": len(exchange.ledger.messages),
        "uptime_seconds": round(time.monotonic() - _started, 3),
    }
    return json_response(200, content)


def _ledger(exchange: Exchange, request: Request, rest: str) -> Response:
    if rest == "summary":
        return json_response(200, summary(exchange))
    if rest:
        return _problem(404, f"There is no ledger/{rest}.")
    return book(exchange, request.arguments)


def _faults(exchange: Exchange, _: Request, __: str) -> Response:
    return json_response(200, {"faults": [_armed(one) for one in exchange.faults.armed]})


def _add_fault(exchange: Exchange, request: Request, _: str) -> Response:
    id = exchange.faults.add(_RULE.validate_json(request.body))
    return json_response(201, _armed(next(one for one in exchange.faults.armed if one.id == id)))


def _remove_faults(exchange: Exchange, _: Request, rest: str) -> Response:
    if not rest:
        exchange.faults.clear()
    elif not rest.isdecimal() or not exchange.faults.remove(int(rest)):
        return _problem(404, f"There is no fault {rest}.")
    return Response(status=204)


def _holds(exchange: Exchange, _: Request, __: str) -> Response:
    names = ("id", "stage", "to", "body", "since")
    held = [{name: getattr(one, name) for name in names} for one in exchange.holds.held]
    return json_response(200, {"holds": held})


def _release(exchange: Exchange, _: Request, rest: str) -> Response:
    if not rest:
        return json_response(200, {"released": exchange.holds.release_all()})
    if not rest.isdecimal() or not exchange.holds.release(int(rest)):
        return _problem(404, f"No request with hold {rest} hangs.")
    return json_response(200, {"released": 1})


def _blocks(exchange: Exchange, _: Request, __: str) -> Response:
    pairs = [{"sender": sender, "number": number} for sender, number in exchange.blocks.all()]
    return json_response(200, {"blocks": pairs})


def _advance(exchange: Exchange, request: Request, _: str) -> Response:
    seconds = TypeAdapter(dict[str, float]).validate_json(request.body).get("seconds", 0.0)
    exchange.clock.advance(seconds)
    life.send_due(exchange)
    return json_response(200, {"now": exchange.clock.now()})


def _reset(exchange: Exchange, _: Request, __: str) -> Response:
    exchange.reset()
    return Response(status=204)


def _config(exchange: Exchange, _: Request, __: str) -> Response:
    values = _CONFIG.dump_python(exchange.config, mode="json")
    return json_response(200, {name: values[name] for name in values if name not in _SECRET})


def _set_config(exchange: Exchange, request: Request, _: str) -> Response:
    changes = TypeAdapter(dict[str, object]).validate_json(request.body)
    for name in changes:
        if name in FIXED or name not in {one.name for one in fields(Config)}:
            return _problem(400, f"{name} is no setting that can change while running.")
    values = _CONFIG.dump_python(exchange.config, mode="json")
    exchange.config = _CONFIG.validate_json(json.dumps(values | changes))
    return _config(exchange, request, "")


def _armed(one: Armed) -> dict[str, object]:
    rule: dict[str, object] = _RULE.dump_python(one.rule, mode="json")
    return {"id": one.id, **rule, "met": one.met, "hits": one.hits}


def _problem(status: int, sentence: str) -> Response:
    return json_response(status, {"error": sentence})


def _sentence(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()
    ]
    return "; ".join(problems) + "."


_DOORS: dict[tuple[str, str], Door] = {
    ("GET", "health"): _health,
    ("GET", "ledger"): _ledger,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _remove_faults,
    ("GET", "holds"): _holds,
    ("POST", "release"): _release,
    ("GET", "blocks"): _blocks,
    ("POST", "advance"): _advance,
    ("POST", "reset"): _reset,
    ("GET", "config"): _config,
    ("PUT", "config"): _set_config,
}
