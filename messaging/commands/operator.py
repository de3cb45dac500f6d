"""Who decides: the name that the journal keeps of a person's act."""

import getpass

from messaging.errors import Refused

_LONGEST = 100


def name_of(given: str | None) -> str | None:
    """The name given, or else that of this machine's user; None where there is none.

    Raises Refused.
    """
    if given is None:
        return _user()
    name = given.strip()
    if not 1 <= len(name) <= _LONGEST or not name.isprintable():
        raise Refused(f"--by takes a name of 1 to {_LONGEST} characters: who decides?")
    return name


def _user() -> str | None:
    """A container's user may have no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # Python 3.13 raises the first, older ones the rest
        return None
