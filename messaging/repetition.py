"""Repetition: lines that libraries would print again and again while something is away."""

import logging


class Once(logging.Filter):
    """Lets a library say once, in a line, that it cannot connect, and not with every try.

    A line comes again when it was not tried for a while: that is another outage.
    """

    _QUIET = 60.0
    """Seconds; libraries try more often than that."""
    _CONNECTING = ("celery.worker.consumer", "celery.beat", "psycopg.pool", "kombu")

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__()
        self._seen: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be printed."""
        template = str(record.msg)
        # Celery rejects a task that it cannot publish again, where the broker is away too.
        is_rejected = record.name == "celery.app.trace" and " reject " in template
        if not (is_rejected or record.name.startswith(self._CONNECTING)):
            return True
        line = record.name, template
        before = self._seen.get(line, -self._QUIET)
        self._seen[line] = record.created
        record.msg, record.args, record.exc_info = _first_line(record), (), None
        return record.created - before >= self._QUIET


def _first_line(record: logging.LogRecord) -> str:
    return next(iter(record.getMessage().splitlines()), "")
