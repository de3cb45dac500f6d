"""Twilio's error codes as this simulator answers them.

Texts and numbers follow https://www.twilio.com/docs/api/errors; the HTTP status is 400 unless
the table says otherwise.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that was not done, in Twilio's words."""

    code: int
    message: str
    status: int = 400


_MESSAGES = {
    20003: "Authenticate",
    20004: "Method not allowed",
    20009: "Cannot delete this resource before it is complete",
    20404: "The requested resource {resource} was not found",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    20503: "Service is unavailable. Please try again",
    21211: "The 'To' number {to} is not a valid phone number.",
    21212: "The 'From' number {sender} is not a valid phone number, shortcode, "
    "or alphanumeric sender ID.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by "
    "the 'To' number: {to}.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The From phone number {sender} is not a valid, SMS-capable inbound phone number "
    "or short code for your account.",
    21608: "The number {to} is unverified. Trial accounts cannot send messages to unverified "
    "numbers.",
    21609: "The StatusCallback URL {callback} is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number {to} is not currently reachable using the 'From' phone number "
    "{sender} via SMS.",
    21614: "'To' number {to} is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21620: "Invalid media URL(s)",
    21623: "Number of media files exceeds allowed limit",
    21624: "The ValidityPeriod value provided is invalid",
    21655: "The ContentSid is invalid",
    21656: "The ContentVariables parameter is invalid",
    21701: "The Messaging Service does not exist",
    30003: "Unreachable destination handset",
    30001: "Queue overflow",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity Period Expired",
    30400: "Parameters are not valid",
    30409: "This message cannot be canceled",
    35111: "SendAt timestamp is missing",
    35114: "SendAt time must be between 300 seconds and 35 days (3024000 seconds) in the future",
    35115: "SendAt time must be in ISO 8601 format",
    35126: "The ScheduleType value provided is not supported for this channel",
}
_STATUSES = {20003: 401, 20004: 405, 20009: 409, 20404: 404, 20429: 429, 20500: 500, 20503: 503}
# Twilio documents no HTTP status for 30409; 409 is what its other "not in this state" codes have.
_STATUSES[30409] = 409


def refusal(code: int, **words: str) -> Refusal:
    """What Twilio says with this code; an unknown code gets a plain text."""
    message = _MESSAGES.get(code, f"Error {code}")
    if words:
        message = message.format_map(words)
    return Refusal(code=code, message=message, status=_STATUSES.get(code, 400))


def failure_text(code: int) -> str | None:
    """The `error_message` of a message that failed with this code."""
    return _MESSAGES.get(code)
