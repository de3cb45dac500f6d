"""Whether the credentials and the sender work, asked without sending anything."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from twilio.http.response import Response

from messaging.settings import Settings
from messaging.twilio import classify
from messaging.twilio.api import Api
from messaging.twilio.codes import explain
from messaging.twilio.stages import Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whether one thing works; `why` is a sentence either way."""

    ok: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `messaging check` shows of Twilio; `clock` is what time it was there, if it said so."""

    account: Finding
    sender: Finding
    clock: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether texts can be sent, as far as this can be told without sending one."""
        return self.account.ok and self.sender.ok


async def check(api: Api, settings: Settings) -> Checked:
    """The account first; the sender is asked about only if the account answers."""
    account, clock = await _account(api, settings)
    if not account.ok:
        not_asked = Finding(ok=False, why="Not asked: the account does not answer.")
        return Checked(account=account, sender=not_asked, clock=clock)
    return Checked(account=account, sender=await _sender(api, settings), clock=clock)


async def _account(api: Api, settings: Settings) -> tuple[Finding, datetime | None]:
    """By listing one message: a standard API key may do that, but not read the account."""
    try:
        response = await api.messages(page_size=1)
    except Failed as failed:
        return Finding(ok=False, why=failed.reason), None
    if response.status_code != 200:
        return _refused(response), _clock(response)
    with_what = f"API key {settings.twilio_api_key}" if settings.twilio_api_key else "auth token"
    why = f"{settings.twilio_account_sid} answers to its {with_what}."
    return Finding(ok=True, why=why), _clock(response)


def _clock(response: Response) -> datetime | None:
    """What the answer's Date header says (RFC 9110, 6.6.1); None where it says nothing."""
    try:
        return parsedate_to_datetime((response.headers or {}).get("date", "")).astimezone(UTC)
    except (ValueError, TypeError):
        return None


async def _sender(api: Api, settings: Settings) -> Finding:
    service, number = settings.twilio_messaging_service_sid, settings.twilio_from or ""
    try:
        if service:
            return _messaging_service(await api.messaging_service(service), service)
        if not number.startswith("+"):
            return Finding(ok=True, why=f"{number} is a name or a short code: not checked.")
        return _number(await api.number(number), number)
    except Failed as failed:
        return Finding(ok=False, why=failed.reason)


def _messaging_service(response: Response, service: str) -> Finding:
    if response.status_code == 404:
        return Finding(ok=False, why=f"The account has no Messaging Service {service}.")
    if response.status_code != 200:
        return _refused(response)
    return Finding(ok=True, why=f"Messaging Service {service} exists.")


def _number(response: Response, number: str) -> Finding:
    if response.status_code != 200:
        return _refused(response)
    try:
        said = json.loads(response.text)
        owned = [record["phone_number"] for record in said["incoming_phone_numbers"]]
    except (ValueError, TypeError, KeyError) as error:
        return Finding(ok=False, why=f"Twilio's list of numbers could not be read ({error!r}).")
    if number not in owned:
        return Finding(ok=False, why=f"{number} is not one of the account's numbers.")
    return Finding(ok=True, why=f"{number} belongs to the account.")


def _refused(response: Response) -> Finding:
    code = classify.code_of(response.text)
    said = explain(code) if code else "There is no Twilio error code in the answer."
    return Finding(ok=False, why=f"Twilio answered HTTP {response.status_code}. {said}")
