"""Form-encoded bodies and query strings, read and written."""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote_plus, unquote_plus


class Form:
    """The fields of a form, each with all its values in order."""

    __slots__ = ("_fields",)

    def __init__(self, encoded: str) -> None:
        self._fields: dict[str, list[str]] = {}
        for pair in encoded.split("&"):
            name, _, value = pair.partition("=")
            if name:
                self._fields.setdefault(_decode(name), []).append(_decode(value))

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def get(self, name: str) -> str:
        """The last value of a field; empty where there is none."""
        values = self._fields.get(name)
        return values[-1] if values else ""

    def number(self, name: str) -> int | None:
        """The last value as a whole number, or None where it is none (or absurdly long)."""
        text = self.get(name)
        return int(text) if text.isdecimal() and len(text) < 10 else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that is not empty."""
        return tuple(value for value in self._fields.get(name, ()) if value)


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """Fields as application/x-www-form-urlencoded; names must need no quoting."""
    return "&".join([f"{name}={_encode(value)}" for name, value in pairs])


def _encode(text: str) -> str:
    """Most values are SIDs and statuses, which need no quoting; quoting costs 3 microseconds."""
    return text if text.isascii() and text.isalnum() else quote_plus(text)


@lru_cache(maxsize=1024)
def _decode(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text
