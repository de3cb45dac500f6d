"""The folder where an embedded server's files are: the one given, or one that it can reach.

Root's server runs as a user without rights (see `account`), who can't enter a home of mode
0700. Its files then live in a folder of their own below /var/lib, and a file `elsewhere` in the
given folder says where. Nobody else's mode is changed.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Self

from messaging.errors import Misconfigured
from messaging.local.account import Account

_POINTER = "elsewhere"
_ORIGIN = "made-for"
_PREFIX = "messaging-"
_THROWAWAY_PREFIX = "messaging-throwaway-"
_KEPT = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 (mkdtemp makes the folder in it)
"""Where kept data goes; /var/tmp is second because some systems empty it after 30 days."""
_YOUNG = 600.0
"""Seconds in which a throwaway place is not swept: its pointer may be about to be written."""


class Lock:
    """A folder that one process at a time may use, until it ends in whatever way."""

    def __init__(self, file: Path, *, otherwise: str) -> None:
        """Take it. Raises Misconfigured, `otherwise` and by which process, where it is taken."""
        self._file = file.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            raise Misconfigured(f"{otherwise} (process {holder}).") from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the next one take it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def make_folder(folder: Path) -> Path:
    """The folder, absolute; it and missing parents are made for us alone.

    Root's are made so that others can pass through, but not look: a server that runs as
    somebody without rights has its own folder below.
    """
    folder = folder.absolute()
    missing = [folder, *folder.parents]
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for part in reversed([path for path in missing if not path.exists()]):
        with contextlib.suppress(FileExistsError):
            part.mkdir()
            part.chmod(mode)
    return folder


class Place:
    """Where the files of a server are that runs as `account`: settled when it is first asked."""

    def __init__(self, folder: Path, account: Account | None, *, throwaway: bool) -> None:
        """A `throwaway` place is one that may vanish with all that's in it."""
        self._folder = folder
        self.account = account
        self._throwaway = throwaway

    @cached_property
    def path(self) -> Path:
        """The folder itself, or one elsewhere that stands for it.

        Raises Misconfigured where the one that was used so far is gone.
        """
        if self.account is None:
            return self._folder
        pointer = self._folder / _POINTER
        if pointer.exists():
            return self._follow(pointer)
        self._folder.chmod(self._folder.stat().st_mode | stat.S_IXOTH)
        return self._folder if self.account.reaches(self._folder) else self._go_elsewhere(pointer)

    def _follow(self, pointer: Path) -> Path:
        place = Path(pointer.read_text().strip())
        if place.is_dir():
            return place
        if self._throwaway:
            return self._go_elsewhere(pointer)
        raise Misconfigured(
            f"The data of {self._folder} was in {place}, which is gone. "
            f"Remove {self._folder} to begin anew."
        )

    def _go_elsewhere(self, pointer: Path) -> Path:
        place = _elsewhere(self._folder, throwaway=self._throwaway)
        pointer.write_text(f"{place}\n")
        return place


def _elsewhere(folder: Path, *, throwaway: bool) -> Path:
    roots = (Path(tempfile.gettempdir()),) if throwaway else _KEPT
    root = next((root for root in roots if os.access(root, os.W_OK)), Path(tempfile.gettempdir()))
    if throwaway:
        _sweep(root)
    prefix = _THROWAWAY_PREFIX if throwaway else _PREFIX
    place = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    (place / _ORIGIN).write_text(f"{folder}\n")
    place.chmod(0o711)
    return place


def _sweep(root: Path) -> None:
    """Remove throwaway places whose folder is gone, as those of old test runs are."""
    for place in root.glob(f"{_THROWAWAY_PREFIX}*"):
        with contextlib.suppress(OSError):
            if place.is_symlink() or place.stat().st_uid != os.geteuid():
                continue
            origin = Path((place / _ORIGIN).read_text().strip())
            old = time.time() - place.stat().st_mtime > _YOUNG
            if old and not (origin / _POINTER).exists():
                shutil.rmtree(place, ignore_errors=True)
