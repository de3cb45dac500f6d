"""Twilio: the account, the sender, where it reports to, and its clock."""

import ipaddress
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from messaging.addressing import masked
from messaging.commands.checks.database import SKEW
from messaging.commands.checks.finding import Finding, ok, skipped, trouble, warning
from messaging.domain.wording import span
from messaging.local import clock
from messaging.settings import Settings
from messaging.twilio.checks import Checked
from messaging.twilio.gateway import Gateway

_CREDENTIALS = "Check TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or the API key and its secret."
_SENDER = "Check TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM."
_PUBLIC = "Set PUBLIC_BASE_URL to the https address under which Twilio reaches the web process."
_SECOND = timedelta(seconds=1)
"""The grain of the Date header (RFC 9110, 5.6.7)."""


def look(settings: Settings, ahead: timedelta | None) -> Iterator[Finding]:
    """Asks Twilio about credentials and sender, and looks at the callback's address.

    `ahead` is how far the database's clock is ahead of this machine's, where that is known.
    """
    gateway = Gateway(settings)
    before = clock.now()
    checked = gateway.check()
    after = clock.now()
    gateway.close()
    yield from _account(settings, checked)
    yield callback(settings)
    if checked.clock and ahead is not None:
        yield _clock(checked.clock, before + ahead, after + ahead)


def callback(settings: Settings) -> Finding:
    """Whether Twilio could report to us, as far as settings show it."""
    url, is_real = settings.status_callback_url, settings.twilio_api_base_url is None
    if url is None:
        return warning("callback", "None: nobody learns what was delivered.", _PUBLIC)
    parts, url = urlsplit(url), masked(url)
    host = parts.hostname or ""
    if settings.twilio_auth_token is None:
        why = "Without an auth token, reports cannot be checked and are refused."
        return trouble("callback", f"{url} {why}", "Set TWILIO_AUTH_TOKEN.")
    if "_" in host:
        why = "Twilio takes no host with an underscore."
        return trouble("callback", f"{url} {why}", "Give the web process another name.")
    if is_real and _is_local(host):
        return trouble("callback", f"{url} cannot be reached from outside.", _PUBLIC)
    if is_real and parts.scheme != "https":
        return warning("callback", f"{url} is not https: numbers travel in the open.", _PUBLIC)
    return ok("callback", url)


def _account(settings: Settings, checked: Checked) -> Iterator[Finding]:
    stand_in = masked(settings.twilio_api_base_url or "")
    where = f" It is asked at {stand_in}, which is not Twilio itself." if stand_in else ""
    account, sender = checked.account, checked.sender
    if not account.ok:
        yield trouble("twilio", account.why + where, _CREDENTIALS)
        yield skipped("sender", sender.why)
        return
    yield ok("twilio", account.why + where)
    yield ok("sender", sender.why) if sender.ok else trouble("sender", sender.why, _SENDER)


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".localhost"))


def _clock(said: datetime, earliest: datetime, latest: datetime) -> Finding:
    """Twilio wrote its time between these two of the database's."""
    if earliest - SKEW - _SECOND <= said <= latest + SKEW:
        return ok("twilio's clock", f"agrees with the database's within {SKEW.seconds} s")
    off = max(earliest - said, said - latest)
    return warning(
        "twilio's clock",
        f"It differs from the database's by about {span(off)}.",
        "Texts in doubt are looked up by time: see that the database's is kept right (NTP).",
    )
