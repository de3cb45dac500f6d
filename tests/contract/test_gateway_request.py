"""What we write is what the official package writes: byte by byte, for every kind of text."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given as varied
from hypothesis import strategies as st
from twilio.rest import Client

from messaging.settings import Settings
from messaging.twilio.api import Api
from messaging.twilio.http import StagedHttpClient
from messaging.twilio.parameters import Form, Sender
from messaging.twilio.request import form_encoded
from messaging.twilio.stages import Progress
from tests.contract.gateway_server import answer, created, serving
from tests.contract.test_gateway_send import ACCOUNT, settings, text

SERVICE = {"TWILIO_MESSAGING_SERVICE_SID": "MG" + "1" * 32}
KEY = {"TWILIO_API_KEY": "SK" + "2" * 32, "TWILIO_API_SECRET": "s3cret" * 4}
CALLBACK = {"TWILIO_STATUS_CALLBACK_URL": "https://example.com/twilio?tenant=7"}
NOON = datetime(2090, 1, 1, 12, tzinfo=UTC)

TEXTS: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]] = {
    "plain": ({}, {}),
    "all of Unicode": ({}, {"body": "Grüße & <€> 100% 😀\n\ttab=+?"}),
    "with a callback": (CALLBACK, {"attempt": 3}),
    "from a service, for later": (SERVICE, {"send_at": NOON}),
    "with pictures": ({}, {"media_urls": ("https://example.com/a b?c=d", "https://example.com/é")}),
    "a picture alone": ({}, {"body": "", "media_urls": ("https://example.com/a.png",)}),
    "with an API key": (KEY, {}),
    "with a deadline": ({}, {"good_until": time.monotonic() + 7200}),
}


async def write_both(url: str, given: Settings, form: Form) -> None:
    """Ours first, then the package's own request to the same address with the same form."""
    api = Api(given)
    reply = asyncio.get_running_loop().create_future()
    api.create(form, Progress(), reply.set_result)
    await reply
    await api.close()
    http = StagedHttpClient(connect_timeout=3, read_timeout=10, in_flight=1)
    secret = given.twilio_api_secret or given.twilio_auth_token
    assert secret is not None
    client = Client(  # type: ignore[no-untyped-call]
        given.twilio_api_key or ACCOUNT, secret.get_secret_value(), ACCOUNT, http_client=http
    )
    client.edge = client.region = None
    path = f"{url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    await client.request_async("POST", path, data={**form})
    client.api.base_url = url
    await client.messages.create_async(**_arguments(form))
    await http.close()


def _arguments(form: Form) -> dict[str, Any]:
    """The form as arguments of `messages.create_async`."""
    names = {
        "To": "to", "Body": "body", "From": "from_", "MediaUrl": "media_url",
        "MessagingServiceSid": "messaging_service_sid", "StatusCallback": "status_callback",
        "ScheduleType": "schedule_type",
    }  # fmt: skip
    given: dict[str, Any] = {names[name]: form[name] for name in form.keys() & names.keys()}
    if "SmartEncoded" in form:
        given["smart_encoded"] = False
    if "ValidityPeriod" in form:
        given["validity_period"] = form["ValidityPeriod"]
    if "SendAt" in form:
        given["send_at"] = NOON
    return given


@pytest.mark.parametrize("name", TEXTS)
def test_a_create_request_is_what_the_package_writes(name: str) -> None:
    environment, more = TEXTS[name]
    with serving(answer(created()), answer(created()), answer(created())) as server:
        given = settings(server.url, **environment)
        form = Sender.of(given).form(replace(text(), **more))
        asyncio.run(write_both(server.url, given, form))
    ours, packages, sdks = server.requests
    assert packages == ours
    # The package's method for messages orders headers and parameters in its own way.
    head, _, body = ours.partition(b"\r\n\r\n")
    sdks_head, _, sdks_body = sdks.partition(b"\r\n\r\n")
    assert sorted(sdks_head.split(b"\r\n")) == sorted(head.split(b"\r\n"))
    assert sorted(parse_qsl(sdks_body.decode())) == sorted(parse_qsl(body.decode()))


@varied(
    st.dictionaries(
        st.text(alphabet=st.characters(codec="utf-8")),
        st.text(alphabet=st.characters(codec="utf-8"))
        | st.lists(st.text(alphabet=st.characters(codec="utf-8"))),
    )
)
def test_a_form_is_encoded_as_the_standard_library_does_it(form: Form) -> None:
    assert urlencode(form, doseq=True).encode() == form_encoded(form)


def test_a_form_keeps_every_character_apart() -> None:
    form: Form = {"Body": "".join(map(chr, range(0x250))) + "\u20ac\U0001f600"}
    assert urlencode(form, doseq=True).encode() == form_encoded(form)
