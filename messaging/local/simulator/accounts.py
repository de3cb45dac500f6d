"""The Account and Messaging Service resources, enough to check credentials and a sender."""

from messaging.local.simulator.clock import rfc2822
from messaging.local.simulator.config import Config
from messaging.local.simulator.message import API_VERSION

_OPENED = 1_600_000_000.0
_PARTS = {"messages": "Messages.json", "incoming_phone_numbers": "IncomingPhoneNumbers.json"}


def account(config: Config) -> dict[str, object]:
    """The JSON of Twilio's Account resource. The token in it is the account's own."""
    uri = f"/{API_VERSION}/Accounts/{config.account_sid}"
    return {
        "sid": config.account_sid,
        "owner_account_sid": config.account_sid,
        "friendly_name": "Twilio simulator",
        "status": "active",
        "type": "Full",
        "auth_token": config.auth_token,
        "date_created": rfc2822(_OPENED),
        "date_updated": rfc2822(_OPENED),
        "uri": f"{uri}.json",
        "subresource_uris": {name: f"{uri}/{path}" for name, path in _PARTS.items()},
    }


def numbers(config: Config, wanted: str) -> dict[str, object]:
    """The JSON of Twilio's list of IncomingPhoneNumbers; `wanted` is the PhoneNumber filter."""
    uri = f"/{API_VERSION}/Accounts/{config.account_sid}/IncomingPhoneNumbers"
    found = [number for number in config.numbers if wanted in ("", number)]
    entries = [
        {
            "sid": f"PN{int(number.strip('+') or 0):032x}",
            "account_sid": config.account_sid,
            "friendly_name": number,
            "phone_number": number,
            "capabilities": {"sms": True, "mms": True, "voice": False, "fax": False},
            "sms_url": config.inbound_url,
            "status": "in-use",
        }
        for number in found
    ]
    return {
        "incoming_phone_numbers": entries,
        "uri": f"{uri}.json",
        "page": 0,
        "page_size": 50,
        "start": 0,
        "end": max(0, len(found) - 1),
        "next_page_uri": None,
    }


def messaging_service(sid: str, config: Config) -> dict[str, object]:
    """The JSON of Twilio's Messaging Service resource."""
    url = f"https://messaging.twilio.com/v1/Services/{sid}"
    return {
        "sid": sid,
        "account_sid": config.account_sid,
        "friendly_name": "Twilio simulator",
        "date_created": "2020-09-13T12:26:40Z",
        "date_updated": "2020-09-13T12:26:40Z",
        "inbound_request_url": config.inbound_url,
        "inbound_method": "POST",
        "fallback_url": None,
        "fallback_method": "POST",
        "status_callback": config.status_callback,
        "sticky_sender": True,
        "mms_converter": True,
        "smart_encoding": False,
        "scan_message_content": "inherit",
        "fallback_to_long_code": False,
        "area_code_geomatch": False,
        "synchronous_validation": False,
        "validity_period": 36000,
        "usecase": "undeclared",
        "us_app_to_person_registered": False,
        "use_inbound_webhook_on_number": False,
        "url": url,
        "links": {"phone_numbers": f"{url}/PhoneNumbers", "short_codes": f"{url}/ShortCodes"},
    }


def pool(sid: str, kind: str, config: Config) -> dict[str, object]:
    """The JSON of the PhoneNumbers, or ShortCodes, of a Messaging Service, on one page."""
    url = f"https://messaging.twilio.com/v1/Services/{sid}/{kind}"
    key, name = _POOLS[kind]
    found = [
        number for number in config.numbers if number.startswith("+") is (key == "phone_numbers")
    ]
    records = [
        {
            "sid": f"PN{int(number.strip('+')):032x}",
            "account_sid": config.account_sid,
            "service_sid": sid,
            "date_created": "2020-09-13T12:26:40Z",
            "date_updated": "2020-09-13T12:26:40Z",
            name: number,
            "country_code": "US",
            "capabilities": ["SMS", "MMS"],
            "url": url,
        }
        for number in found
    ]
    first = f"{url}?PageSize=50&Page=0"
    meta = {
        "page": 0,
        "page_size": 50,
        "first_page_url": first,
        "previous_page_url": None,
        "url": first,
        "next_page_url": None,
        "key": key,
    }
    return {"meta": meta, key: records}


_POOLS = {
    "PhoneNumbers": ("phone_numbers", "phone_number"),
    "ShortCodes": ("short_codes", "short_code"),
}
