"""Node.js, for contenders that are written for it: its programs, and their packages in a cache."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from messaging.errors import Misconfigured

_PROGRAMS = Path(__file__).parent / "node"
"""Our own programs, and the packages that they need, each in one version."""
_MODULES = "node_modules"
_INSTALL = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
_LIMIT = 300.0
"""Seconds for npm."""
_LAST_WORDS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Node.js with our programs in `folder`, ready to run."""

    program: str
    folder: Path

    def argv(self, name: str) -> Sequence[str]:
        """To run one of our programs."""
        return (self.program, str(self.folder / name))

    def versions(self) -> dict[str, str]:
        """Of Node.js and of the packages that the programs ask for."""
        told = subprocess.run(
            [self.program, "--version"], capture_output=True, text=True, check=True
        )
        packages: dict[str, str] = json.loads(_wanted())["dependencies"]
        return {"node": told.stdout.strip().removeprefix("v"), **packages}


def lacking(environment: Mapping[str, str] = os.environ) -> str | None:
    """What of node and npm is not on the PATH; None where both are."""
    missing = [name for name in ("node", "npm") if not _which(name, environment)]
    return " and ".join(missing) or None


def lay_out(folder: Path, environment: Mapping[str, str] = os.environ) -> Node:
    """Put the programs into a new folder, with their packages, which are installed once.

    Raises Misconfigured where node or npm is missing, or npm fails.
    """
    if missing := lacking(environment):
        raise Misconfigured(
            f"--peers needs Node.js, but {missing} cannot be found: install it, or leave --peers "
            "out."
        )
    packages = _installed(environment)
    shutil.copytree(_PROGRAMS, folder)
    # Node looks for packages beside the program, then above it.
    (folder / _MODULES).symlink_to(packages)
    return Node(program=_which("node", environment) or "node", folder=folder)


def _wanted() -> bytes:
    return (_PROGRAMS / "package.json").read_bytes()


def _installed(environment: Mapping[str, str]) -> Path:
    """The folder of the packages. Another version of the list has a folder of its own."""
    cache = _cache(environment)
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / sha256(_wanted()).hexdigest()[:16]
    if not kept.is_dir():
        with TemporaryDirectory(dir=cache) as half:
            whole = Path(half) / "whole"
            _install(whole, environment)
            # Renaming is the last step: what is kept is whole. Somebody else may have been faster.
            with suppress(OSError):
                whole.rename(kept)
    return kept / _MODULES


def _install(folder: Path, environment: Mapping[str, str]) -> None:
    folder.mkdir()
    (folder / "package.json").write_bytes(_wanted())
    npm = _which("npm", environment) or "npm"
    try:
        done = subprocess.run(
            [npm, *_INSTALL],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Misconfigured(f"npm did not install the packages within {_LIMIT:g} s.") from None
    if done.returncode:
        words = done.stdout.decode(errors="replace")[-_LAST_WORDS:].strip()
        raise Misconfigured(f"npm could not install the packages for --peers:\n{words}")


def _cache(environment: Mapping[str, str]) -> Path:
    """Below the user's cache, as the XDG Base Directory Specification has it."""
    root = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root).absolute() / "messaging" / "bench-node"


def _which(name: str, environment: Mapping[str, str]) -> str | None:
    return shutil.which(name, path=environment.get("PATH", os.defpath))
