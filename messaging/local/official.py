"""Twilio's own client, as people who know it well keep it: one a thread, with a timeout."""

import threading

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from messaging.settings import Settings

_TIMEOUT = 10.0
"""Seconds; the package itself waits for ever."""
_of_thread = threading.local()


def client(settings: Settings) -> Client:
    """This thread's client. Its session isn't made for several threads."""
    kept: Client | None = getattr(_of_thread, "client", None)
    if kept is None:
        kept = _of_thread.client = _new(settings)
    return kept


def _new(settings: Settings) -> Client:
    token = settings.twilio_auth_token
    new = Client(  # type: ignore[no-untyped-call]
        settings.twilio_account_sid,
        token.get_secret_value() if token else None,
        http_client=TwilioHttpClient(timeout=_TIMEOUT),
    )
    new.api.base_url = settings.twilio_api_base_url or new.api.base_url
    return new
