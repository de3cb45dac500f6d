"""The keys that opt-outs of erased numbers are kept with."""

from messaging.commands.checks.finding import Finding, ok, skipped, trouble
from messaging.commands.database import database
from messaging.domain.erasure import why_missing
from messaging.domain.wording import count
from messaging.errors import MessagingError
from messaging.postgres import erasure
from messaging.settings import Settings


def look(settings: Settings) -> Finding:
    """Says whether all keys are here that whoever sends must have."""
    try:
        with database(settings) as conn:
            used = [key for key in erasure.keys(conn) if key.given_up_at is None]
    except MessagingError:
        return skipped("erasure", "Not looked at: the database does not answer, or lacks it.")
    missing = sorted({key.id for key in used} - {key.id for key in settings.keyring.keys})
    if missing:
        numbers = sum(key.numbers for key in used if key.id in missing)
        what = f"a key is missing that keeps the opt-outs of {count(numbers, 'number')}"
        return trouble("erasure", what, why_missing(missing))
    if not settings.keyring.keys:
        return ok("erasure", "nothing to keep; `messaging erase` needs MESSAGING_ERASURE_KEY")
    return ok("erasure", f"{count(len(settings.keyring.keys), 'key')} set; none is missing")
