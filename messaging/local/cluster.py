"""The files of a Postgres server (a cluster): making them, and reading who runs on them."""

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from messaging.errors import Misconfigured, Unreachable
from messaging.local import secret
from messaging.local.account import Account
from messaging.local.process import is_running, wait_until

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""For Postgres's programs: nothing of ours, such as PGDATA or PGPORT, leads them astray."""
_GOING_LIMIT = 10.0
"""Seconds that a server whose parent was killed may take to shut down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """What a running server wrote about itself into postmaster.pid (miscadmin.h, 18)."""

    pid: int
    port: int
    is_ready: bool


def create(
    cluster: Path, *, initdb: str, user: str, password: str, durable: bool, account: Account | None
) -> None:
    """Make the files of a new server. Renamed at the end: a cluster that exists is whole.

    Raises Unreachable with what initdb said where it fails.
    """
    half = cluster.with_name("cluster.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    first_password = cluster.with_name("first-password")
    secret.write_private(first_password, password + "\n")
    if account:
        account.own(half)
        account.own(first_password)
    options = ["-U", user, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]
    quick = [] if durable else ["--no-sync"]
    try:
        _run([initdb, "-D", str(half), *options, *quick, f"--pwfile={first_password}"], account)
    finally:
        first_password.unlink()
    half.rename(cluster)


def admit_network(cluster: Path) -> None:
    """From its next start on, take clients of the network that it listens on, with a password."""
    (cluster / "pg_hba.conf").write_text("host all all samenet scram-sha-256\n")


def postmaster(cluster: Path) -> Postmaster | None:
    """Who runs, or last ran, on these files; None where nobody does or it's just starting."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return Postmaster(
            pid=int(lines[0]), port=int(lines[3]), is_ready=lines[7].strip() == "ready"
        )
    except (FileNotFoundError, IndexError, ValueError):
        return None


def make_free(cluster: Path) -> None:
    """Return when no server runs on these files.

    A server whose parent was killed is given time to shut down. A postmaster.pid whose number
    belongs to another program by now, as after a reboot, is removed: Postgres itself would
    believe it. Raises Misconfigured where a server goes on running.
    """
    last = postmaster(cluster)
    if last is None or not is_running(last.pid):
        return
    if not _serves(last.pid, cluster):
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        return
    if not wait_until(lambda: not _serves(last.pid, cluster), limit=_GOING_LIMIT):
        raise Misconfigured(
            f"A Postgres server (process {last.pid}) already runs on {cluster}; stop it first."
        )


def _serves(pid: int, cluster: Path) -> bool:
    """Whether this process is a Postgres on these files: its working folder is the cluster."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cwd").samefile(cluster)
        return False
    shown = subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return str(cluster) in shown.stdout


def _run(command: list[str], account: Account | None) -> None:
    done = subprocess.run(
        command,
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # a Ctrl-C is for us, not for it
        **(account.as_arguments() if account else {}),
    )
    if done.returncode:
        raise Unreachable(f"initdb could not make a database:\n{done.stderr or done.stdout}")
