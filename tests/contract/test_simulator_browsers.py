"""The simulator is for programs: a page in a browser neither sends texts nor reads them."""

from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from messaging.local.simulator import DEFAULT_NUMBER, Simulator
from messaging.local.simulator.browsers import has_strange_name
from tests.contract.simulator_client import TO, Line

FORM = urlencode({"To": TO, "From": DEFAULT_NUMBER, "Body": "Hello"})

OF_A_PAGE = {
    "a form of another site": {"Origin": "https://evil.example"},
    "a page in a file, or in a sandbox": {"Origin": "null"},
    "another page on this machine": {"Origin": "http://127.0.0.1:1"},
    "a site whose name leads here": {"Host": "evil.example:8010"},
    "the same, of its own": {"Host": "evil.example", "Origin": "http://evil.example"},
    "a picture or a link": {"Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("name", OF_A_PAGE)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/2010-04-01/Accounts/{sid}/Messages.json"),
        ("GET", "/2010-04-01/Accounts/{sid}/Messages.json"),
        ("GET", "/_simulator/ledger"),
        ("POST", "/_simulator/inbound"),
        ("DELETE", "/_simulator/ledger"),
    ],
)
def test_what_a_page_sends_is_refused(twilio: Simulator, name: str, method: str, path: str) -> None:
    """The second time as well: heads that were seen before are not read again."""
    where = path.format(sid=twilio.config.account_sid)
    assert 403 != asked(twilio, method, where, {})
    before = len(twilio.ledger.messages)
    assert [403, 403] == [asked(twilio, method, where, OF_A_PAGE[name]) for _ in range(2)]
    assert before == len(twilio.ledger.messages)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8010", "localhost", "LOCALHOST:8010", "[::1]:8010", "simulator:8010", None]
)
def test_programs_name_it_as_they_like(twilio: Simulator, host: str | None) -> None:
    path = f"/2010-04-01/Accounts/{twilio.config.account_sid}/Messages.json"
    assert 201 == asked(twilio, "POST", path, {"Host": host} if host else {})


@pytest.mark.parametrize(
    "host", [b"a.b", b"localhost.evil.example", b"127.0.0.1.evil.example", b""]
)
def test_names_of_the_internet_are_strange(host: bytes) -> None:
    assert has_strange_name({b"host": host})


def asked(twilio: Simulator, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of the answer to a request with the account's credentials."""
    parts = urlsplit(twilio.base_url)
    authorization = Line(twilio)._authorization
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        sent = {"Authorization": authorization, **headers}
        connection.request(method, path, FORM if method == "POST" else None, sent)
        return connection.getresponse().status
    finally:
        connection.close()
