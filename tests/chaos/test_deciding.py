"""What a run does with held texts, as a person would: over real servers, without processes."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from messaging.local.chaos.ours import Ours
from messaging.local.chaos.site import Site
from messaging.local.simulator.config import (
    DEFAULT_ACCOUNT_SID,
    DEFAULT_AUTH_TOKEN,
    DEFAULT_MESSAGING_SERVICE_SID,
)
from messaging.local.throwaway import new_folder

_STORE = """
insert into public.message_jobs (recipient_phone, message_content)
values ('+12025550101', %s)
returning id
"""
_TO = "update public.message_jobs set status = %s where id = %s"


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder("test") as folder:
        yield folder


def test_a_held_text_that_twilio_has_is_sent_and_another_goes_out_again(folder: Path) -> None:
    with Site(folder, seed=1) as site, closing(Ours(site)) as ours, site.connect() as conn:
        ids = {}
        for body in ("Accepted", "Unknown"):
            row = conn.execute(_STORE, [body]).fetchone()
            assert row is not None
            ids[row[0]] = body
            for status in ("processing", "held"):
                conn.execute(_TO, [status, row[0]])
        accept(site, "Accepted")
        assert (2, 0) == (ours.decide(conn), ours.decide(conn))
        rows = conn.execute("select id, status, twilio_sid from public.message_jobs").fetchall()
        (sid,) = [text.sid for text in site.twilio.ledger()]
        assert {"Accepted": ("sent", sid), "Unknown": ("pending", None)} == {
            ids[id]: (status, sid) for id, status, sid in rows
        }


def accept(site: Site, body: str) -> None:
    """Have Twilio accept a text to the same number."""
    form = {
        "To": "+12025550101",
        "Body": body,
        "MessagingServiceSid": DEFAULT_MESSAGING_SERVICE_SID,
    }
    account = f"{site.twilio.url}/2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}"
    credentials = b64encode(f"{DEFAULT_ACCOUNT_SID}:{DEFAULT_AUTH_TOKEN}".encode()).decode()
    request = Request(
        f"{account}/Messages.json",
        data=urlencode(form).encode(),
        headers={"Authorization": f"Basic {credentials}"},
    )
    with urlopen(request, timeout=10) as answer:
        assert 201 == answer.status
