"""Twilio's status callback: signature, receipt, commit, and only then the answer."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from messaging.domain.receipt import Fields, Receipt, of_callback
from messaging.errors import Refused
from messaging.refusals import Refusals
from messaging.settings import Settings
from messaging.web.collector import Collector, Kept
from messaging.web.meters import Meters
from messaging.web.signed import Signatures, Unsigned, status_places

PATH = "/api/twilio/status"


class StatusCallback:
    """Answers POST /api/twilio/status: 204 once the receipt is committed."""

    def __init__(self, settings: Settings, collector: Collector[Receipt], meters: Meters) -> None:
        self._signatures = Signatures(settings, status_places(settings, PATH))
        self._collector = collector
        self._meters = meters
        self._refusals = Refusals("callback")

    async def answer(self, request: Request) -> Response:
        """204 recorded, 400 no callback, 403 not signed by Twilio, 503 try again."""
        try:
            receipt = of_callback(await self._signatures.form(request), _query(request))
        except Unsigned as unsigned:
            return self._refuse(unsigned.status, str(unsigned))
        except Refused as refusal:
            return self._refuse(400, str(refusal))
        if await self._collector.add(receipt) is Kept.RECORDED:
            return Response(status_code=204)
        self._meters.lost()
        return PlainTextResponse("The receipt was not recorded: please try again.", 503)

    def _refuse(self, status: int, reason: str) -> Response:
        self._meters.refused()
        self._refusals.note(reason)
        return PlainTextResponse(reason, status)


def _query(request: Request) -> Fields:
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
