"""A Postgres that may be copied while it runs, and a replica that follows it."""

import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg

from messaging.local import cluster
from messaging.local.place import Place
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import Program, wait_until

_FOR_REPLICAS = ("-c", "wal_level=replica", "-c", "max_wal_senders=4")


class Primary(EmbeddedPostgres):
    """A server that lets replicas follow."""

    def __init__(self, folder: Path) -> None:
        """Nothing starts yet."""
        super().__init__(folder, durable=False)

    def _program(self, place: Place, port: int) -> Program:
        program = super()._program(place, port)
        return replace(program, argv=(*program.argv, *_FOR_REPLICAS))


class Replica(Primary):
    """A copy that takes no writes and replays what its primary does, until it is paused."""

    def __init__(self, folder: Path, primary: Primary) -> None:
        """Of a primary that runs. Nothing starts yet."""
        super().__init__(folder)
        self._primary = primary

    @property
    def password(self) -> str:
        """Its primary's: it is in the data."""
        return self._primary.password

    def url_of(self, primary_url: str) -> str:
        """The same database here."""
        return f"{self.url.rpartition('/')[0]}/{primary_url.rpartition('/')[2]}"

    def pause(self) -> None:
        """Replays nothing any more."""
        self._do("select pg_wal_replay_pause()")
        paused = "select pg_get_wal_replay_pause_state() = 'paused'"
        assert wait_until(lambda: self._do(paused) is True, limit=30)

    def resume(self) -> None:
        """Replays again."""
        self._do("select pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Returns once it has replayed all that its primary has written until now."""
        with psycopg.connect(self._primary.url, autocommit=True) as conn:
            row = conn.execute("select pg_current_wal_lsn()::text").fetchone()
        assert row is not None
        reached = f"select pg_last_wal_replay_lsn() >= '{row[0]}'::pg_lsn"
        assert wait_until(lambda: self._do(reached) is True, limit=30)

    def _do(self, statement: str) -> object:
        with psycopg.connect(self.url, autocommit=True) as conn:
            row = conn.execute(statement.encode()).fetchone()
        return row[0] if row else None

    def _prepare(self, place: Place) -> None:
        copy = place.path / "cluster"
        if copy.exists():
            return
        # As ourselves: whom the server runs as may not reach this program.
        done = subprocess.run(
            [
                self.programs / "pg_basebackup", "-d", self._primary.url, "-D", copy,
                "--write-recovery-conf", "--no-sync", "--checkpoint=fast",
            ],
            env=cluster.ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert 0 == done.returncode, done.stderr
        if account := place.account:
            for path in (copy, *copy.rglob("*")):
                account.own(path)
