"""The web process: Twilio's callbacks, health and metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from threading import Event

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from prometheus_client import CONTENT_TYPE_LATEST
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from messaging import inbound, receipts, runtime
from messaging.domain.inbound import Inbound
from messaging.domain.receipt import Receipt
from messaging.errors import Unreachable
from messaging.postgres import connect
from messaging.pulse import Errand, Heart, called
from messaging.settings import Settings
from messaging.web import callbacks, health
from messaging.web import inbound as inbound_webhook
from messaging.web.collector import Collector, Record
from messaging.web.meters import Meters, exposition
from messaging.web.scrape import Scrape

MAX_REQUEST = 64 * 1024
"""Bytes of a request's body; Twilio's callbacks have about one thousand."""

_LOOP_PATIENCE = 5.0
"""Seconds in which the event loop of a process that lives goes round."""

Endpoint = Callable[[Request], Awaitable[Response]]


def build(settings: Settings) -> FastAPI:
    """The application. It starts without Postgres and Redis, and finds them when they come."""
    meters = Meters()
    pool = connect.async_pool(settings)
    redis = health.redis_client(settings.redis_url.get_secret_value())
    collector = Collector(_recorder(pool, meters, settings))
    callback = callbacks.StatusCallback(settings, collector, meters)
    rt = runtime.build(settings)
    texts = Collector(_keeper(pool, rt.settings))
    webhook = inbound_webhook.InboundWebhook(rt, texts, meters)
    breakers = rt.throttle.breakers.keys

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await pool.open(wait=False)
        flushers = [asyncio.create_task(each) for each in (collector.run(), texts.run())]
        heart = Heart(
            rt, ["web"], called(f"web-{settings.port}"), _answers(asyncio.get_running_loop())
        )
        heart.start()
        # A STOP that reaches texts which Twilio keeps must not wait until its client is imported.
        Errand("twilio", partial(rt.twilio.ready, 0)).run()
        yield
        rt.stopping.set()
        await asyncio.to_thread(heart.stop)
        await asyncio.to_thread(webhook.close)
        rt.close()
        await _cancel(flushers)
        await redis.aclose()
        await pool.close()

    app = _bare(lifespan)
    # add_route and not FastAPI's decorators: the callback needs none of their parsing.
    app.add_route(callbacks.PATH, callback.answer, methods=["POST"])
    app.add_route(inbound_webhook.PATH, webhook.answer, methods=["POST"])
    app.add_route("/livez", _alive, methods=["GET"])
    app.add_route("/healthz", _alive, methods=["GET"])
    app.add_route("/readyz", _ready(pool, redis, breakers), methods=["GET"])
    app.add_route("/metrics", _metrics(meters, Scrape(settings), redis, breakers), methods=["GET"])
    return app


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _bare(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """FastAPI without its pages, which load from elsewhere, and without its telemetry."""
    return FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        max_body_size=MAX_REQUEST,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )


def _answers(loop: asyncio.AbstractEventLoop) -> Callable[[], bool]:
    """Asks, from another thread, whether the loop still goes round."""

    def answers() -> bool:
        heard = Event()
        loop.call_soon_threadsafe(heard.set)
        return heard.wait(_LOOP_PATIENCE)

    return answers


def _keeper(pool: health.Pool, settings: Settings) -> Record[Inbound]:
    async def keep(group: Sequence[Inbound]) -> None:
        try:
            await inbound.record(pool, group, settings.keyring)
        except connect.AWAY as error:
            raise Unreachable(f"no text was recorded ({type(error).__name__})") from None

    return keep


def _recorder(pool: health.Pool, meters: Meters, settings: Settings) -> Record[Receipt]:
    async def record(group: Sequence[Receipt]) -> None:
        try:
            fresh = await receipts.record(pool, group, settings)
        except connect.AWAY as error:
            # Not the error's own text: Postgres may quote a row in it.
            raise Unreachable(f"no receipt was recorded ({type(error).__name__})") from None
        meters.recorded(len(group), fresh)

    return record


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _ready(pool: health.Pool, redis: Redis, breakers: Sequence[str]) -> Endpoint:
    async def ready(_request: Request) -> Response:
        parts, firing, stopped, known = await asyncio.gather(
            health.parts(pool, redis),
            health.alerts(pool),
            health.stops(pool),
            health.breakers(redis, breakers),
        )
        is_ready = all(part.ok for part in parts)
        body = {
            "ready": is_ready,
            "parts": [asdict(part) for part in parts],
            "alerts": firing,
            "stopped": stopped,
            "breakers": known,
        }
        return JSONResponse(jsonable_encoder(body), status_code=200 if is_ready else 503)

    return ready


def _metrics(meters: Meters, scrape: Scrape, redis: Redis, breakers: Sequence[str]) -> Endpoint:
    async def metrics(_request: Request) -> Response:
        figures, known = await asyncio.gather(scrape.read(), health.breakers(redis, breakers))
        return Response(exposition(meters, figures, known), media_type=CONTENT_TYPE_LATEST)

    return metrics
