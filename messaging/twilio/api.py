"""Twilio's REST API for our account: the official package, with our HTTP client inside it."""

import logging
import ssl
from datetime import date
from urllib.parse import quote

from twilio.http.response import Response
from twilio.rest import Client

from messaging.domain.job import Sid
from messaging.settings import Settings
from messaging.twilio.http import StagedHttpClient
from messaging.twilio.parameters import Form

for _name in ("twilio.http_client", "twilio.async_http_client"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log phone numbers at INFO


class Api:
    """One method for each request that we make; each returns the answer as it came.

    They raise Failed where no complete answer came. Use one Api in one event loop.
    """

    def __init__(self, settings: Settings, tls: ssl.SSLContext | None = None) -> None:
        """Raise Misconfigured, naming what is missing."""
        settings.require_twilio()
        self._http = StagedHttpClient(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            in_flight=settings.in_flight,
            tls=tls,
        )
        self._client = _client(settings, self._http)
        self._account = f"/2010-04-01/Accounts/{settings.twilio_account_sid}"
        self._create_url = self._client.api.absolute_url(f"{self._account}/Messages.json")

    async def create(self, form: Form) -> Response:
        """Create a message.

        Not `messages.create_async`: for a refusal that raises an exception which has lost the
        headers, and Retry-After with them; an answer without JSON it cannot tell from a bug.
        """
        return await self._client.request_async("POST", self._create_url, data={**form})

    async def update(self, sid: Sid, form: Form) -> Response:
        """Change a message, e.g. cancel it."""
        return await self._client.request_async("POST", self._message_url(sid), data={**form})

    async def message(self, sid: Sid) -> Response:
        """One message."""
        return await self._client.request_async("GET", self._message_url(sid))

    async def messages(
        self, *, to: str | None = None, sent_since: date | None = None, page_size: int
    ) -> Response:
        """The first page of the list, newest first; `sent_since` is a day in UTC."""
        wanted = {"To": to, "DateSent>": sent_since.isoformat() if sent_since else None}
        filters = {name: value for name, value in wanted.items() if value}
        return await self._client.request_async(
            "GET", self._create_url, params={**filters, "PageSize": page_size}
        )

    async def page(self, uri: str) -> Response:
        """A further page, named by the page before."""
        return await self._client.request_async("GET", self._client.api.absolute_url(uri))

    async def messaging_service(self, sid: str) -> Response:
        """A Messaging Service."""
        url = self._client.messaging.absolute_url(f"/v1/Services/{quote(sid, safe='')}")
        return await self._client.request_async("GET", url)

    async def number(self, number: str) -> Response:
        """The account's own numbers that equal `number`."""
        url = self._client.api.absolute_url(f"{self._account}/IncomingPhoneNumbers.json")
        return await self._client.request_async("GET", url, params={"PhoneNumber": number})

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    def _message_url(self, sid: Sid) -> str:
        name = quote(sid, safe="")
        return self._client.api.absolute_url(f"{self._account}/Messages/{name}.json")


def _client(settings: Settings, http: StagedHttpClient) -> Client:
    secret = settings.twilio_api_secret or settings.twilio_auth_token
    client = Client(  # type: ignore[no-untyped-call]
        username=settings.twilio_api_key or settings.twilio_account_sid,
        password=secret.get_secret_value() if secret else None,
        account_sid=settings.twilio_account_sid,
        http_client=http,
    )
    if settings.twilio_api_base_url:
        client.api.base_url = client.messaging.base_url = settings.twilio_api_base_url
        # The package would work TWILIO_EDGE and TWILIO_REGION into any host, 127.0.0.1 too.
        client.edge = client.region = None
    return client
