"""What is stopped, where texts may go, and the caps."""

from collections.abc import Iterator

from messaging.bounds import together
from messaging.commands.checks.finding import Finding, State, ok, skipped, warning
from messaging.commands.database import database
from messaging.errors import MessagingError
from messaging.postgres import guards
from messaging.settings import Settings


def look(settings: Settings) -> Iterator[Finding]:
    """Names what is stopped, and recommends to say where texts may go."""
    try:
        with database(settings) as conn:
            stops, rules = guards.active_stops(conn), guards.destinations(conn)
    except MessagingError:
        why = "Not looked at: the database does not answer, or lacks them."
        yield from (skipped(name, why) for name in ("stops", "countries"))
        return
    if stops:
        names = ", ".join(stop.words for stop in stops)
        advice = "`messaging stops` tells why; `messaging resume` ends it."
        yield warning("stops", f"Sending is stopped: {names}", advice)
    else:
        yield ok("stops", "nothing is stopped")
    yield _destinations(settings, rules)


def _destinations(settings: Settings, rules: list[tuple[str, str]]) -> Finding:
    allowed = together(settings, rules)
    if allowed.countries is None:
        return Finding(
            name="countries",
            state=State.OK,
            what="texts may go to every country, expensive ones too",
            advice="Better: set MESSAGING_COUNTRIES to those that you text, such as US,CA.",
        )
    blocked = f"; {len(allowed.blocked)} prefixes are blocked" if allowed.blocked else ""
    return ok("countries", f"texts may go to {', '.join(sorted(allowed.countries))}{blocked}")
