"""Whether webhooks with texts to us get lost: what only Twilio's list brought."""

from datetime import timedelta

from messaging.commands.checks.finding import Finding, ok, skipped, warning
from messaging.commands.database import database
from messaging.domain.wording import count, span
from messaging.errors import MessagingError
from messaging.postgres import missed
from messaging.settings import Settings

_LATE = timedelta(hours=1)
_MANY = 4
"""Looks without an end to them that a person must know of."""


def look(settings: Settings) -> Finding:
    """Says how many texts were found by asking, and until when Twilio was asked."""
    every = settings.missed_texts_every
    if every is None:
        return ok("inbound", "texts whose webhook never came are not looked for")
    try:
        with database(settings) as conn:
            texts, behind = missed.missed_lately(conn), missed.behind(conn)
    except MessagingError:
        return skipped("inbound", "Not looked at: the database does not answer, or lacks it.")
    if texts:
        return warning(
            "inbound",
            f"{count(texts, 'text')} in 24 hours came by Twilio's list only: webhooks get lost.",
            "See that Twilio posts texts to /api/twilio/inbound, and that the web process runs.",
        )
    if behind is not None and behind > max(_LATE, _MANY * every):
        return warning(
            "inbound",
            f"Twilio's list of texts to us was last read to its end {span(behind)} ago.",
            "See that beat and an upkeep worker run; the log's `inbound_unread` tells why not.",
        )
    return ok("inbound", "no text in 24 hours came by Twilio's list only")
