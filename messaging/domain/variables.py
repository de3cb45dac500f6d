"""Variables: what a template says of the values that it takes, and each value as it is printed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from messaging.domain.bounds import Bound, one_of
from messaging.domain.segments import Encoding, count
from messaging.errors import Refused

LONGEST = 10_000
"""Characters of a value where its variable says nothing else: some are truncated."""

Value = str | int | float | Decimal
"""What a template prints and compares."""


class Kind(StrEnum):
    """The types of variables."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    URL = "url"
    BOOL = "bool"
    CHOICE = "choice"


NUMERIC = (Kind.INTEGER, Kind.NUMBER, Kind.MONEY)
WRITTEN: Mapping[Kind, tuple[str, str]] = {
    Kind.DATE: ("%Y-%m-%d", "2026-12-24"),
    Kind.TIME: ("%H:%M", "14:30"),
    Kind.DATETIME: ("%Y-%m-%d %H:%M", "2026-12-24 14:30"),
}
"""How times are written, and an example."""
_URL = re.compile(r"https?://[!-_a-~]+")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,12})?", re.ASCII)
_LARGEST = 10**15
_FORM = re.compile(r"[0-9: -]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable that is declared. What its kind does not know is None."""

    name: str
    kind: Kind = Kind.TEXT
    max_length: int | None = None
    gsm7: bool = False
    least: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    decimals: int = 0
    choices: tuple[str, ...] = ()
    example: object = None

    def value(self, given: object) -> Value:
        """What is printed for a value; raises Refused, which does not quote it."""
        return _READERS[self.kind](self, given)

    def bound(self) -> Bound:
        """The bound of all that it can print."""
        if self.kind in (Kind.TEXT, Kind.URL):
            url = self.kind is Kind.URL
            return Bound.up_to(self.max_length or LONGEST, gsm7=self.gsm7 or url)
        if self.kind is Kind.CHOICE:
            return one_of(map(Bound.of, self.choices))
        if self.kind is Kind.BOOL:
            return Bound.of("True") | Bound.of("False")
        if self.kind in NUMERIC:
            most = max(len(f"{limit:.{self.decimals}f}") for limit in (self.least, self.most))
            return Bound.of_digits(1, most)
        return Bound.of_digits(*[len(WRITTEN[self.kind][1])] * 2)


def _text(variable: Variable, given: object) -> Value:
    if not isinstance(given, str):
        raise _wrong(variable, "is no text: give one")
    if variable.max_length is not None and len(given) > variable.max_length:
        raise _wrong(
            variable,
            f"has {len(given):,} characters, and may have {variable.max_length:,}: shorten it",
        )
    if variable.gsm7 and count(given).encoding is not Encoding.GSM7:
        raise _wrong(variable, "has a character outside GSM-7: replace it")
    return given


def _url(variable: Variable, given: object) -> Value:
    text = _text(variable, given)
    if not isinstance(text, str) or not _URL.fullmatch(text):
        raise _wrong(
            variable,
            "is no web address: give one that begins with https:// and has neither spaces nor "
            "letters beyond A to Z",
        )
    return text


def _number(variable: Variable, given: object) -> Value:
    number = _decimal(given)
    if number is None:
        raise _wrong(variable, f"is no {_called(variable)}: give one")
    if not variable.least <= number <= variable.most:
        raise _wrong(variable, f"is not from {variable.least:,f} to {variable.most:,f}")
    if number != round(number, variable.decimals):
        raise _wrong(variable, f"is no {_called(variable)}: give one")
    if variable.kind is Kind.INTEGER:
        return int(number)
    return Decimal(_plain(variable, number))


def _decimal(given: object) -> Decimal | None:
    """The finite number that it is or that is written there; of a float, what JSON shows of it."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    if isinstance(given, str) and not _NUMBER.fullmatch(given):
        return None
    if isinstance(given, int) and abs(given) > _LARGEST:
        return None
    number = Decimal(str(given))
    # Adding nothing makes 0 of -0, which would be printed.
    return number + 0 if number.is_finite() else None


def _plain(variable: Variable, number: Decimal) -> str:
    """The number as it is printed: money with all of its decimals, others with those they need."""
    written = f"{number:.{variable.decimals}f}"
    if variable.kind is not Kind.MONEY and "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _moment(variable: Variable, given: object) -> Value:
    form, example = WRITTEN[variable.kind]
    text = given.replace("T", " ") if isinstance(given, str) else ""
    try:
        if not _FORM.fullmatch(text) or len(text) != len(example):
            raise ValueError  # noqa: TRY301 - one sentence for every form that is wrong
        datetime.strptime(text, form)  # noqa: DTZ007 - as the reader's clock shows it
    except ValueError:
        raise _wrong(variable, f"is no {variable.kind}: write it like {example}") from None
    return text


def _bool(variable: Variable, given: object) -> Value:
    if isinstance(given, bool):
        return given
    if given in ("true", "false"):
        return given == "true"
    raise _wrong(variable, "is neither true nor false: give one of them")


def _choice(variable: Variable, given: object) -> Value:
    if isinstance(given, str) and given in variable.choices:
        return given
    raise _wrong(variable, f"is none of {', '.join(map(repr, variable.choices))}: give one of them")


def _called(variable: Variable) -> str:
    if variable.kind is Kind.INTEGER:
        return "whole number"
    return f"number with at most {variable.decimals} decimals"


def _wrong(variable: Variable, what: str) -> Refused:
    return Refused(f"The variable {variable.name!r} {what}.")


_READERS: Mapping[Kind, Callable[[Variable, object], Value]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _number,
    Kind.NUMBER: _number,
    Kind.MONEY: _number,
    Kind.DATE: _moment,
    Kind.TIME: _moment,
    Kind.DATETIME: _moment,
    Kind.URL: _url,
    Kind.BOOL: _bool,
    Kind.CHOICE: _choice,
}
