"""The clock of a run: it stands still until it is moved, and the database's times move with it."""

from datetime import timedelta

from messaging.postgres.jobs import Postgres


class Clock:
    """Seconds since the beginning of a run."""

    def __init__(self, db: Postgres) -> None:
        self._db = db
        self.now = 0.0

    def reset(self) -> None:
        """A new run begins."""
        self.now = 0.0

    def advance(self, time: timedelta) -> None:
        """So much time passes for everybody."""
        self.now += time.total_seconds()
        self._db.execute("select watch.advance(%s)", [time.total_seconds()])
