"""Twilio's REST API for our account: the official package, with our HTTP client inside it."""

import logging
import ssl
from datetime import date
from functools import cached_property
from urllib.parse import quote

from twilio.http.response import Response
from twilio.rest import Client

from messaging.domain.job import Sid
from messaging.settings import Settings
from messaging.twilio.http import StagedHttpClient, Told
from messaging.twilio.parameters import Form
from messaging.twilio.request import FormPost, HeadTaker
from messaging.twilio.stages import Progress

for _name in ("twilio.http_client", "twilio.async_http_client"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log phone numbers at INFO


class Api:
    """One method for each request that we make; each gives the answer as it came.

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
        self._list_url = self._client.api.absolute_url(f"{self._account}/Messages.json")

    @cached_property
    def _create(self) -> FormPost:
        return _head(self._client, self._list_url)

    def create(self, form: Form, progress: Progress, then: Told, *, urgent: bool = False) -> None:
        """Create a message: a request as the package makes it, whose head was taken from it once.
        `then` gets the reply, or why there is none, after this has returned. An urgent one goes
        before others that have no connection yet.

        Not `messages.create_async`: for a refusal that raises an exception which has lost the
        headers, and Retry-After with them; an answer without JSON it cannot tell from a bug.
        """
        self._http.post(self._create, form, progress, then, urgent=urgent)

    async def ready(self, count: int) -> None:
        """Have so many connections wait for texts to be sent on."""
        await self._http.ready(self._create.origin, count)

    async def update(self, sid: Sid, form: Form) -> Response:
        """Change a message, e.g. cancel it."""
        return await self._client.request_async("POST", self._message_url(sid), data={**form})

    async def delete(self, sid: Sid) -> Response:
        """Delete the record of a message, with its media."""
        return await self._client.request_async("DELETE", self._message_url(sid))

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
            "GET", self._list_url, params={**filters, "PageSize": page_size}
        )

    async def page(self, uri: str) -> Response:
        """A further page, named by the page before."""
        return await self._client.request_async("GET", self._client.api.absolute_url(uri))

    async def messaging_service(self, sid: str) -> Response:
        """A Messaging Service."""
        url = self._client.messaging.absolute_url(f"/v1/Services/{quote(sid, safe='')}")
        return await self._client.request_async("GET", url)

    async def pool(self, sid: str, kind: str) -> Response:
        """The senders of a Messaging Service, of a kind: PhoneNumbers or ShortCodes."""
        url = self._client.messaging.absolute_url(f"/v1/Services/{quote(sid, safe='')}/{kind}")
        return await self._client.request_async("GET", url, params={"PageSize": 1000})

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


def _head(client: Client, url: str) -> FormPost:
    """What the package writes before a form that it posts there."""
    taker = HeadTaker()
    client.http_client, ours = taker, client.http_client
    try:
        # Nothing in it waits for anything, so that no loop is needed.
        client.request_async("POST", url, data={}).send(None)
    except StopIteration:
        return taker.taken
    finally:
        client.http_client = ours
    raise AssertionError("The package waits for something before it has a request sent.")


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
