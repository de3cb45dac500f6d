"""`NAME=VALUE`, as options take it."""

from collections.abc import Sequence

from messaging.domain.wording import plain
from messaging.errors import Refused


def pairs(written: Sequence[str], option: str) -> dict[str, str]:
    """The values by their names; raises Refused where one is no pair or a name comes twice."""
    values: dict[str, str] = {}
    for text in written:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise Refused(f"{option} {plain(text)[:40]!r} is no pair: write NAME=VALUE.")
        if name.strip() in values:
            raise Refused(f"{option} {name.strip()} is given twice: give it once.")
        values[name.strip()] = value
    return values
