"""The user that embedded servers run as: ourselves, or somebody without rights for root.

Postgres refuses to run as root, and nothing that listens needs to. No user is created and no
mode of somebody else's folder is changed.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from messaging.errors import Misconfigured


class UserArguments(TypedDict, total=False):
    """What subprocess.Popen takes to run a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Another user to run as, by number."""

    uid: int
    gid: int

    def as_arguments(self) -> UserArguments:
        """For subprocess.Popen and subprocess.run."""
        return UserArguments(user=self.uid, group=self.gid, extra_groups=[])

    def reaches(self, path: Path) -> bool:
        """Whether it may enter this folder, or run this program.

        Asked by trying: modes alone don't show access lists or security modules.
        """
        probe = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
        return subprocess.run(probe, check=False, cwd="/", **self.as_arguments()).returncode == 0

    def own(self, path: Path) -> None:
        """Give a file or folder of ours to it."""
        os.chown(path, self.uid, self.gid)


def unprivileged(existing: Path) -> Account | None:
    """Whom to run a server as: None is ourselves; for root, a user without rights.

    Where root starts on data that somebody made before (`existing`), it is their owner.
    Raises Misconfigured where root finds no such user.
    """
    if os.geteuid() != 0:
        return None
    if existing.exists() and (owner := existing.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise Misconfigured(
            "Postgres does not run as root, and this system has no user nobody to run it as: "
            "start as another user, or set DATABASE_URL and REDIS_URL to other servers."
        ) from error
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
