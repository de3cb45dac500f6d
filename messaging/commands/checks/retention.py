"""Whether what is kept no longer is deleted, where that is wanted."""

from messaging.commands.checks.finding import Finding, ok, skipped, warning
from messaging.commands.database import database
from messaging.domain.keeping import Kind
from messaging.domain.wording import count
from messaging.errors import MessagingError
from messaging.postgres import retention
from messaging.settings import Settings


def look(settings: Settings) -> Finding:
    """Says whether deletion keeps up with each kind that has a time."""
    times = settings.times
    wanted = [kind for kind in Kind if times.of(kind) and kind is not Kind.PROCESSES]
    if not wanted:
        return ok("retention", "messages, journals and dead letters are kept for good")
    try:
        with database(settings) as conn:
            kept = [one for one in retention.kept(conn, times) if one.kind in wanted]
    except MessagingError:
        return skipped("retention", "Not looked at: the database does not answer, or lacks it.")
    late = [f"{one.kind} {one.behind}" for one in kept if one.behind]
    if late:
        return warning(
            "retention",
            f"Deletion does not keep up: {'; '.join(late)}.",
            "See that beat and an upkeep worker run, and were restarted after the setting changed; "
            "the log's `deletion_postponed` tells why not, `messaging retention` the rest.",
        )
    return ok("retention", f"deletion keeps up with {count(len(wanted), 'kind')} of what is old")
