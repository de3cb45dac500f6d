"""Time zones of the IANA database, from the newer of two copies: the package's and the system's.

Python prefers the system's, however old it is. Nothing is changed for the rest of the process: an
application that imports us keeps its own zones.
"""

import re
import zoneinfo
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata

from messaging.errors import Refused

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
_LONGEST = 64
_NO_ZONE = {"posix", "right", "localtime", "posixrules", "Factory"}


def zone(name: str) -> ZoneInfo:
    """The zone of this name, e.g. `Europe/Berlin`. Raises Refused where there is none."""
    if not isinstance(name, str) or len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise Refused(f"time_zone {str(name)[:40]!r} is no name of a zone: write Europe/Berlin.")
    try:
        return _zone(name)
    except (OSError, ValueError, KeyError):
        raise Refused(
            f"There is no time zone {name[:40]!r}: give a name of the IANA database, such as "
            "Europe/Berlin."
        ) from None


def is_known(name: str) -> bool:
    """Whether there is a zone of this name."""
    try:
        zone(name)
    except Refused:
        return False
    return True


def instant_of(local: datetime, of_zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks in the zone show this time (RFC 5545, 3.3.5).

    A time that clocks skip is read with the offset from before the gap, so it comes as much later
    as the gap is long. Of a time that they show twice it is the first.
    """
    return local.replace(tzinfo=of_zone, fold=0).astimezone(UTC)


@lru_cache(maxsize=1)
def version() -> str:
    """The release of the zones in use, e.g. `2026f`."""
    return max(str(tzdata.IANA_VERSION), _version_of_system())


@lru_cache(maxsize=1)
def _version_of_system() -> str:
    """The release of the system's copy; empty where it does not tell, and then it is not used."""
    for folder in zoneinfo.TZPATH:
        try:
            with open(f"{folder}/tzdata.zi", encoding="ascii") as file:
                return file.readline().removeprefix("# version").strip()[:16]
        except (OSError, UnicodeDecodeError):
            continue
    return ""


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    if name.split("/")[0] in _NO_ZONE:
        raise ValueError(name)
    if _version_of_system() > tzdata.IANA_VERSION:
        return ZoneInfo(name)
    file = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
    with file.open("rb") as opened:
        return ZoneInfo.from_file(opened, key=name)
