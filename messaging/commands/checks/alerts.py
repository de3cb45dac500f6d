"""The alerts that fire."""

from messaging.commands.alerting import firing
from messaging.commands.checks.finding import Finding, ok, skipped, warning
from messaging.commands.database import database
from messaging.errors import MessagingError
from messaging.postgres import alerts
from messaging.settings import Settings


def look(settings: Settings) -> Finding:
    """Names what fires."""
    try:
        with database(settings) as conn:
            found = firing(alerts.known(conn))
    except MessagingError:
        return skipped("alerts", "Not looked at: the database does not answer, or lacks them.")
    if not found:
        return ok("alerts", "none fires")
    names = ", ".join(f"{one.alert} {one.subject}".rstrip() for one in found)
    return warning("alerts", names, "`messaging alerts` tells what to do.")
