"""Twilio's REST API: the calls this simulator knows, and who may make them."""

import base64
from functools import lru_cache

from messaging.local.simulator import creation, life, listing, updating
from messaging.local.simulator.accounts import account, messaging_service, numbers, pool
from messaging.local.simulator.config import Config
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.message import API_VERSION, Message, resource
from messaging.local.simulator.refusals import Refusal, refusal
from messaging.local.simulator.requests import Request, Response, error_response, json_response
from messaging.local.simulator.rules import Call

_CALLS = {
    ("POST", False): Call.CREATE,
    ("GET", False): Call.LIST,
    ("GET", True): Call.FETCH,
    ("POST", True): Call.UPDATE,
    ("DELETE", True): Call.DELETE,
}


def call_of(request: Request) -> Call:
    """Which API call a request is, for fault rules."""
    parts = request.path.split("/")
    if len(parts) < 5 or not parts[4].startswith("Messages"):
        return Call.OTHER
    return _CALLS.get((request.method, len(parts) == 6), Call.OTHER)


def answer(exchange: Exchange, request: Request, number: int) -> Response:
    """Do what a request asks for; `number` counts requests from 1."""
    if not is_allowed(request, exchange.config):
        return error_response(refusal(20003))
    parts = request.path.removesuffix(".json").split("/")[1:]
    match (request.method, *parts):
        case ("POST", version, "Accounts", _, "Messages") if version == API_VERSION:
            return _create(exchange, request, number)
        case (_, version, "Accounts", _, "Messages", *rest) if version == API_VERSION:
            return _messages(exchange, request, rest)
        case ("GET", version, "Accounts", _) if version == API_VERSION:
            return json_response(200, account(exchange.config))
        case ("GET", version, "Accounts", _, "IncomingPhoneNumbers") if version == API_VERSION:
            wanted = request.arguments.get("PhoneNumber")
            return json_response(200, numbers(exchange.config, wanted))
        case ("GET", "v1", "Services", sid) if sid in exchange.config.messaging_services:
            return json_response(200, messaging_service(sid, exchange.config))
        case ("GET", "v1", "Services", sid, ("PhoneNumbers" | "ShortCodes") as kind) if (
            sid in exchange.config.messaging_services
        ):
            return json_response(200, pool(sid, kind, exchange.config))
    return error_response(refusal(20404, resource=request.path))


def is_allowed(request: Request, config: Config) -> bool:
    """Whether it has the account's own credentials, and its path names no other account."""
    if request.authorization not in (
        _basic(config.account_sid, config.auth_token),
        _basic(config.api_key, config.api_secret),
    ):
        return False
    parts = request.path.split("/")
    return parts[2:3] != ["Accounts"] or parts[3:4] in (
        [config.account_sid],
        [f"{config.account_sid}.json"],
    )


@lru_cache(maxsize=4)
def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def _create(exchange: Exchange, request: Request, number: int) -> Response:
    wish = creation.read(request.form)
    problem = _problem(exchange, wish)
    if problem:
        return error_response(problem)
    message = creation.message(
        wish,
        exchange.config,
        request=number,
        now=exchange.clock.now(),
    )
    exchange.ledger.add(message)
    life.begin(exchange, message)
    return json_response(201, resource(message, exchange.config.account_sid))


def _problem(exchange: Exchange, wish: creation.Wish) -> Refusal | None:
    now = exchange.clock.now()
    problem = creation.check(wish, exchange.config, now)
    if problem:
        return problem
    if exchange.blocks.has(wish.service or wish.sender, wish.to):
        return refusal(21610)
    queue_ms = exchange.timetable.queue(wish.sender, now) * 1000
    return refusal(21611) if wish.sender and queue_ms > exchange.config.longest_queue_ms else None


def _messages(exchange: Exchange, request: Request, rest: list[str]) -> Response:
    """Everything about messages that exist: `rest` is the path after Messages."""
    if request.method == "GET" and not rest:
        return listing.page(exchange, request)
    message = exchange.ledger.get(rest[0]) if rest else None
    if message is None or message.deleted:
        return error_response(refusal(20404, resource=request.path))
    match (request.method, *rest[1:]):
        case ("GET",):
            return json_response(200, resource(message, exchange.config.account_sid))
        case ("GET", "Media"):
            return json_response(200, listing.media(message, exchange.config.account_sid))
        case ("POST",):
            return _outcome(exchange, updating.update(exchange, message, request.form), message)
        case ("DELETE",):
            problem = updating.delete(exchange, message)
            return error_response(problem) if problem else Response(status=204)
    return error_response(refusal(20004))


def _outcome(exchange: Exchange, problem: Refusal | None, message: Message) -> Response:
    if problem:
        return error_response(problem)
    return json_response(200, resource(message, exchange.config.account_sid))
