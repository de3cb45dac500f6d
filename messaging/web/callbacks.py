"""Twilio's status callback: signature, receipt, commit, and only then the answer."""

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from messaging import events
from messaging.domain.receipt import Fields, of_callback
from messaging.errors import Refused
from messaging.settings import Settings
from messaging.twilio import signatures
from messaging.web.collector import Collector, Kept
from messaging.web.meters import Meters

PATH = "/api/twilio/status"
_MOST_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"


class StatusCallback:
    """Answers POST /api/twilio/status: 204 once the receipt is committed."""

    def __init__(self, settings: Settings, collector: Collector, meters: Meters) -> None:
        self._tokens = signatures.tokens_of(settings)
        self._places = _places(settings)
        self._collector = collector
        self._meters = meters

    async def answer(self, request: Request) -> Response:
        """204 recorded, 400 no callback, 403 not signed by Twilio, 503 try again."""
        if not self._tokens or not self._places:
            return self._refuse(
                503,
                "Signatures cannot be checked here: set TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL.",
            )
        body = _body(await request.body(), request.headers.get("content-type", ""))
        if not self._is_signed(request, body):
            return self._refuse(403, "This request was not signed by Twilio for this address.")
        try:
            receipt = of_callback(() if isinstance(body, bytes) else body, _query(request))
        except Refused as refusal:
            return self._refuse(400, str(refusal))
        if await self._collector.add(receipt) is Kept.RECORDED:
            return Response(status_code=204)
        self._meters.lost()
        return PlainTextResponse("The receipt was not recorded: please try again.", 503)

    def _is_signed(self, request: Request, body: Fields | bytes) -> bool:
        signature = request.headers.get("x-twilio-signature")
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["raw_path"].decode("latin-1")
        return any(
            signatures.is_signed(
                tokens=self._tokens,
                base_url=base_url,
                path_and_query=f"{public_path or path}?{query}" if query else public_path or path,
                body=body,
                signature=signature,
            )
            for base_url, public_path in self._places
        )

    def _refuse(self, status: int, reason: str) -> Response:
        self._meters.refused()
        events.callback_refused(reason=reason)
        return PlainTextResponse(reason, status)


def _places(settings: Settings) -> tuple[tuple[str, str | None], ...]:
    """Where Twilio may have posted to: a public base and, if a proxy changes it, the path there."""
    places: list[tuple[str, str | None]] = []
    if settings.webhook_base_url:
        places.append((settings.webhook_base_url, None))
    if settings.twilio_status_callback_url:
        parts = urlsplit(settings.twilio_status_callback_url)
        if parts.path != PATH or not settings.webhook_base_url:
            places.append((f"{parts.scheme}://{parts.netloc}", parts.path))
    return tuple(places)


def _body(body: bytes, content_type: str) -> Fields | bytes:
    """The fields of a form, or the bytes of anything that is none."""
    if not content_type.startswith(_FORM):
        return body
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return body


def _query(request: Request) -> Fields:
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
