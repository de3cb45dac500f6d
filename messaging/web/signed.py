"""Which requests come from Twilio: their forms, checked against the signature."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request

from messaging.domain.receipt import Fields
from messaging.settings import Settings
from messaging.twilio import signatures

_MOST_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"

Place = tuple[str, str | None]
"""Where Twilio may have posted to: a public base and, if a proxy changes it, the path there."""


class Unsigned(Exception):
    """A request that is not to be believed: `status` is what to answer, the text says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Signatures:
    """Checks requests to one address."""

    def __init__(self, settings: Settings, places: Sequence[Place]) -> None:
        self._tokens = signatures.tokens_of(settings)
        self._places = places

    async def form(self, request: Request) -> Fields:
        """The form of a request that Twilio signed; empty where it holds none.

        Raises Unsigned.
        """
        if not self._tokens or not self._places:
            raise Unsigned(
                503,
                "Signatures cannot be checked here: set TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL.",
            )
        try:
            sent = await request.body()
        except ClientDisconnect:
            raise Unsigned(400, "The client went before it had sent its request.") from None
        body = _body(sent, request.headers.get("content-type", ""))
        if not self._is_signed(request, body):
            raise Unsigned(403, "This request was not signed by Twilio for this address.")
        return () if isinstance(body, bytes) else body

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


def own_places(settings: Settings) -> tuple[Place, ...]:
    """The public base of our addresses, where it is known."""
    return ((settings.webhook_base_url, None),) if settings.webhook_base_url else ()


def status_places(settings: Settings, path: str) -> tuple[Place, ...]:
    """The same for status callbacks, that may be posted to an address of their own."""
    places = list(own_places(settings))
    if settings.twilio_status_callback_url:
        parts = urlsplit(settings.twilio_status_callback_url)
        if parts.path != path or not settings.webhook_base_url:
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
