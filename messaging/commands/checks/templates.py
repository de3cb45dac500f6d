"""Templates that linting refuses: somebody stored them with SQL, which cannot look at a text."""

from collections.abc import Iterator

from messaging.commands.checks.finding import Finding, warning
from messaging.commands.database import answering
from messaging.domain.linting import lint_stored
from messaging.domain.wording import count
from messaging.errors import MessagingError
from messaging.postgres import templates
from messaging.postgres.jobs import Postgres

_SHOWN = 5


def look(conn: Postgres, url: str) -> Iterator[Finding]:
    """A warning that names them; nothing where there are none, or where they cannot be read."""
    try:
        with answering(url):
            stored = templates.all_of_them(conn)
    except MessagingError:
        return
    refused = [row.name for row in stored if lint_stored(row.content).errors]
    if refused:
        named = ", ".join(refused[:_SHOWN]) + (", …" if refused[_SHOWN:] else "")
        yield warning(
            "templates",
            f"{count(len(refused), 'template')} of which no text can be made: {named}",
            "Messages that use them may fail: `messaging template lint` tells what is wrong.",
        )
