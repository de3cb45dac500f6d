"""Dates and times as texts: `2026-12-24`, `14:30` or both, and as a template shows them."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from messaging.errors import Refused

DIRECTIVES = "%d %m %Y %y %H %M %I %p, %-d %-m %-H %-I, and words"

_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%H:%M")
_DIRECTIVE = re.compile("%(-?[dmHI]|[YyMp%])")
_FORM = re.compile("(?:[^%]|%-?[dmHI]|%[YyMp%]){1,60}")
_OF_A_DAY = frozenset("dmYy")


def is_form(written: object) -> bool:
    """Whether it says how to show a moment."""
    return isinstance(written, str) and _FORM.fullmatch(written) is not None


def shown(value: object, form: str) -> str:
    """A moment in this form. Raises Refused where it is none, or has not what the form asks for."""
    moment, has_day, has_time = _read(str(value))
    for directive in _DIRECTIVE.findall(form):
        of_a_day = directive.lstrip("-") in _OF_A_DAY
        if directive != "%" and not (has_day if of_a_day else has_time):
            raise Refused(f"{form!r} asks for a {'day' if of_a_day else 'time'} that is not given.")
    return _DIRECTIVE.sub(lambda found: _written(found[1], moment), form)


def widths(form: str) -> tuple[str, int, int]:
    """What a form holds besides directives, and the digits of those, at least and at most."""
    directives = _DIRECTIVE.findall(form)
    least = sum(_WIDTHS.get(directive, 2) for directive in directives)
    most = sum(4 if directive == "Y" else 1 if directive == "%" else 2 for directive in directives)
    return _DIRECTIVE.sub("", form), least, most


def _read(text: str) -> tuple[datetime, bool, bool]:
    for form in _FORMS:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - as the reader's clock shows it
        except ValueError:
            continue
        return moment, "d" in form, "H" in form
    raise Refused("date takes a date, a time or both, such as 2026-12-24 14:30.")


def _written(directive: str, moment: datetime) -> str:
    number = _PARTS[directive.lstrip("-")](moment)
    return number.lstrip("0") or "0" if directive.startswith("-") else number


_WIDTHS = {"Y": 4, "-d": 1, "-m": 1, "-H": 1, "-I": 1, "%": 1}
_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "d": lambda moment: f"{moment.day:02}",
    "m": lambda moment: f"{moment.month:02}",
    "Y": lambda moment: f"{moment.year:04}",
    "y": lambda moment: f"{moment.year % 100:02}",
    "H": lambda moment: f"{moment.hour:02}",
    "M": lambda moment: f"{moment.minute:02}",
    "I": lambda moment: f"{(moment.hour - 1) % 12 + 1:02}",
    "p": lambda moment: "AM" if moment.hour < 12 else "PM",
    "%": lambda _: "%",
}
