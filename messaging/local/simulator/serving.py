"""How a request is served: at once, or late, or wrongly, as the configuration and faults say."""

import asyncio

from messaging.local.simulator import admin, api, misbehaviour
from messaging.local.simulator.connection import Turn
from messaging.local.simulator.exchange import Exchange
from messaging.local.simulator.refusals import refusal
from messaging.local.simulator.requests import Response, error_response, json_response
from messaging.local.simulator.rules import Moment, Rule, Subject

_FOR_PROGRAMS = "The simulator answers programs, not pages of other sites in a browser."


def serve(exchange: Exchange, turn: Turn) -> None:
    """Take a request; it is answered when this returns, or later."""
    if _is_from_a_browser(turn):
        turn.answer(json_response(403, {"error": _FOR_PROGRAMS}))
        return
    if turn.request.path.startswith(admin.PREFIX):
        admin.serve(exchange, turn)
        return
    number = exchange.ledger.count_request()
    limit = exchange.config.concurrent_requests
    if limit and exchange.busy >= limit:
        turn.answer(error_response(refusal(20429), Twilio_Concurrent_Requests=str(exchange.busy)))
        return
    rule = _rule(exchange, turn)
    if rule is None and not exchange.config.latency_ms:
        turn.answer(api.answer(exchange, turn.request, number))
        return
    exchange.busy += 1
    turn.on_end = exchange.one_less
    if rule is None:
        wait = exchange.config.latency_ms / 1000
        exchange.loop.call_later(wait, _serve_late, exchange, turn, number)
    else:
        exchange.spawn(_serve_wrongly(exchange, turn, number, rule))


def _is_from_a_browser(turn: Turn) -> bool:
    """A name of the internet may lead to a simulator elsewhere, not to one on this machine."""
    request = turn.request
    return request.is_from_a_page or (request.has_strange_name and turn.from_loopback)


def _rule(exchange: Exchange, turn: Turn) -> Rule | None:
    if not exchange.faults.any_for(Moment.REQUEST):
        return None
    form = turn.request.form
    subject = Subject(
        to=form.get("To"),
        body=form.get("Body"),
        sender=form.get("MessagingServiceSid") or form.get("From"),
        call=api.call_of(turn.request),
    )
    return exchange.faults.draw(Moment.REQUEST, subject)


def _serve_late(exchange: Exchange, turn: Turn, number: int) -> None:
    if not exchange.ledger.closed:
        turn.answer(api.answer(exchange, turn.request, number))


async def _serve_wrongly(exchange: Exchange, turn: Turn, number: int, rule: Rule) -> None:
    await asyncio.sleep(exchange.config.latency_ms / 1000)

    def accept() -> Response:
        return api.answer(exchange, turn.request, number)

    await misbehaviour.of(rule.kind)(exchange, turn, accept, rule)
