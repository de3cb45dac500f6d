"""Files in the data folder that let people in: a psql that knows the password, an environment."""

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from messaging.local import secret
from messaging.local.ports import LOOPBACK
from messaging.local.postgres import EmbeddedPostgres

_PSQL = """\
#!/bin/sh
# Opens the database of `messaging up`; the password is in pgpass.
PGPASSFILE={pgpass} exec {psql} -h {host} -p {port} -U messaging -d messaging "$@"
"""


def write_psql(file: Path, postgres: EmbeddedPostgres) -> None:
    """Write a script that opens the database with psql, the system's or the bundled one."""
    bundled = postgres.programs / "psql"
    text = _PSQL.format(
        pgpass=shlex.quote(str(postgres.pgpass)),
        psql=shlex.quote(shutil.which("psql") or str(bundled)),
        host=LOOPBACK,
        port=postgres.port,
    )
    secret.write_private(file, text)
    file.chmod(0o700)


def write_environment(file: Path, variables: Mapping[str, str]) -> None:
    """Write what another terminal sources (`. FILE`) so that `messaging send` finds all this."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items())]
    secret.write_private(file, "".join(lines))
