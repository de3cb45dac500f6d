"""Values as a file has them, read as what they are to be: texts, whole numbers, times, lists."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from messaging.commands.moments import moment, wall_clock
from messaging.domain.category import Category
from messaging.domain.job import InDoubtPolicy
from messaging.domain.wording import plain
from messaging.errors import Refused

_WHOLE = re.compile(r"[+-]?\d{1,9}", re.ASCII)


class Given:
    """One record's values by the names of fields. Every method raises Refused for a wrong one."""

    def __init__(self, values: Mapping[str, object], now: datetime) -> None:
        """`now` is what `+10m` starts from."""
        self._values = values
        self._now = now

    def text(self, field: str) -> str | None:
        """The value if it is a text; None where there is none."""
        value = self._values.get(field)
        if value is None or isinstance(value, str):
            return value
        raise Refused(f"{field} is {_kind(value)}: give a text, in quotes.")

    def word(self, field: str) -> str | None:
        """A text without spaces around it."""
        text = self.text(field)
        return text.strip() if text else None

    def whole(self, field: str) -> int | None:
        """The value if it is a whole number, perhaps written as a text."""
        value = self._values.get(field)
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise Refused(f"{field} {plain(str(value))[:40]!r} is no whole number.")

    def time(self, field: str) -> datetime | None:
        """The value if it is a time with its zone, or a distance such as +10m."""
        text = self.text(field)
        return moment(text, self._now, field) if text else None

    def uuid(self, field: str) -> UUID | None:
        """The value if it is a UUID."""
        text = self.word(field)
        try:
            return UUID(text) if text else None
        except ValueError:
            raise Refused(f"{field} {plain(text or '')[:40]!r} is no UUID.") from None

    def policy(self, field: str) -> InDoubtPolicy | None:
        """The value if it is one of the policies."""
        text = self.word(field)
        try:
            return InDoubtPolicy(text) if text else None
        except ValueError:
            raise Refused(f"{field} must be one of {', '.join(InDoubtPolicy)}.") from None

    def category(self, field: str) -> Category | None:
        """The value if it is one of the categories."""
        text = self.word(field)
        try:
            return Category(text) if text else None
        except ValueError:
            raise Refused(f"{field} must be one of {', '.join(Category)}.") from None

    def local_time(self, field: str) -> datetime | None:
        """The value if it is a time on a clock, without a zone."""
        text = self.word(field)
        return wall_clock(text, field) if text else None

    def addresses(self, field: str) -> tuple[str, ...]:
        """Web addresses: a list of them, or a text with spaces between them."""
        value = self._values.get(field)
        if isinstance(value, list) and all(isinstance(address, str) for address in value):
            return tuple(value)
        if isinstance(value, list):
            raise Refused(f"{field} has something that is no text in its list.")
        return tuple((self.text(field) or "").split())

    def object(self, field: str) -> Mapping[str, object]:
        """The value if it is a JSON object, perhaps written as a text; empty for none."""
        value = self._values.get(field)
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            found = value
        if found is None:
            return {}
        if isinstance(found, dict):
            return found
        raise Refused(f'{field} is no JSON object: write {{"name": "value"}}.')


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")
