"""Twilio's inbound webhook: signature, text, commit, what a STOP asks for, and then the answer."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from messaging import events, handover, optout
from messaging.domain.inbound import Inbound, Replies, answer, of_webhook
from messaging.domain.job import Phone
from messaging.errors import Refused
from messaging.postgres.connect import AWAY
from messaging.refusals import Refusals
from messaging.runtime import Runtime
from messaging.web.collector import Collector, Kept
from messaging.web.meters import Meters
from messaging.web.signed import Signatures, Unsigned, own_places

PATH = "/api/twilio/inbound"
_AT_A_TIME = 16
"""STOPs that are carried out at the same time; each mostly waits."""


class InboundWebhook:
    """Answers POST /api/twilio/inbound with TwiML, once the text is committed and heeded."""

    def __init__(self, rt: Runtime, collector: Collector[Inbound], meters: Meters) -> None:
        settings = rt.settings
        self._rt = rt
        self._signatures = Signatures(settings, own_places(settings))
        self._keywords = settings.keywords
        self._replies = settings.replies if settings.keyword_replies is Replies.OURS else {}
        self._collector = collector
        self._meters = meters
        self._refusals = Refusals("callback")
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="stop")

    async def answer(self, request: Request) -> Response:
        """200 with TwiML, 400 no text, 403 not signed by Twilio, 503 not recorded."""
        try:
            text = of_webhook(await self._signatures.form(request), self._keywords)
        except Unsigned as unsigned:
            return self._refuse(unsigned.status, str(unsigned))
        except Refused as refusal:
            return self._refuse(400, str(refusal))
        if await self._collector.add(text) is not Kept.RECORDED:
            self._meters.inbound("lost")
            return PlainTextResponse("The text was not recorded: please try again.", 503)
        self._meters.inbound(text.reading.word or "text")
        if text.stops:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._carry_out, Phone(text.sender))
        return Response(answer(text, self._replies), media_type="text/xml")

    def close(self) -> None:
        """Lets go of its threads; what they have begun and not ended, the sweep ends."""
        self._threads.shutdown(wait=True)

    def _carry_out(self, phone: Phone) -> None:
        """Where Postgres has gone away meanwhile, the sweep does it: the STOP is on record."""
        try:
            ended = optout.carry_out(self._rt, phone)
            events.number_stopped(messages=ended)
            if ended:
                handover.take_back(self._rt)
        except AWAY as error:
            self._rt.outages.note("postgres", error)

    def _refuse(self, status: int, reason: str) -> Response:
        self._meters.inbound("refused")
        self._refusals.note(reason)
        return PlainTextResponse(reason, status)
