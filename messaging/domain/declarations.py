"""Declarations: the JSON in which a template says what its variables are, read and checked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from messaging.domain import fields
from messaging.domain.job import MAX_BODY
from messaging.domain.twins import with_twins
from messaging.domain.variables import Kind, Variable
from messaging.errors import Refused

MOST_VARIABLES = 50
MOST_CHOICES = 50
MOST_DECIMALS = 6
LARGEST = Decimal(999_999_999_999_999)
"""Of 15 digits: what JSON and every language can write without rounding."""
LONGEST_URL = 200
"""Characters of an address where its variable says nothing else."""
RESERVED = "language"
"""The variable that chooses among a template's texts."""

_NAME = re.compile(r"[A-Za-z_]\w{0,59}", re.ASCII)

Said = Mapping[str, object]


def declared(written: Said, *, gsm7: bool = False) -> dict[str, Variable]:
    """The variables by their names. `gsm7` says that texts are printed with their twins.

    Raises Refused, naming the variable and what is wrong with it.
    """
    if len(written) > MOST_VARIABLES:
        raise Refused(f"There are {len(written)} variables: declare {MOST_VARIABLES} or fewer.")
    return {name: _variable(name, said, gsm7=gsm7) for name, said in written.items()}


def _variable(name: str, said: object, *, gsm7: bool) -> Variable:
    if name == RESERVED:
        raise _wrong(name, "chooses among the texts: it needs no declaration")
    if not _NAME.fullmatch(name) or name == "self":
        raise _wrong(name[:60], "needs another name: letters, digits and _, a letter first")
    said = {"type": said} if isinstance(said, str) else said
    if not isinstance(said, Mapping):
        raise _wrong(name, 'is declared by an object, such as {"type": "text", "max_length": 20}')
    kind = _kind(name, said)
    make, allowed = _MAKERS[kind]
    if unknown := sorted(said.keys() - {"type", "example", *allowed}):
        known = ", ".join(("type", "example", *allowed))
        raise _wrong(name, f"has no {unknown[0][:40]!r}, being of the type {kind}: it has {known}")
    variable = make(Variable(name=name, kind=kind), said)
    if gsm7:
        choices = tuple(map(with_twins, variable.choices))
        variable = replace(variable, choices=choices)
    return _with_example(variable, said.get("example"), gsm7=gsm7)


def _with_example(variable: Variable, example: object, *, gsm7: bool) -> Variable:
    """The same with an example that it takes, if there is one."""
    if example is None:
        return variable
    given = with_twins(example) if gsm7 and isinstance(example, str) else example
    variable.value(given)
    return replace(variable, example=given)


def _kind(name: str, said: Said) -> Kind:
    written = said.get("type", Kind.TEXT)
    if not isinstance(written, str) or written not in tuple(Kind):
        raise _wrong(name, f"has a type that there is not: use one of {', '.join(Kind)}")
    return Kind(written)


def _text(variable: Variable, said: Said) -> Variable:
    gsm7 = said.get("gsm7", False)
    if not isinstance(gsm7, bool):
        raise _wrong(variable.name, "has a gsm7 that is neither true nor false")
    longest = said.get("max_length")
    length = None if longest is None else _length(variable, longest)
    return replace(variable, max_length=length, gsm7=gsm7)


def _url(variable: Variable, said: Said) -> Variable:
    return replace(variable, max_length=_length(variable, said.get("max_length", LONGEST_URL)))


def _length(variable: Variable, written: object) -> int:
    return _whole(variable, "max_length", written, range(1, MAX_BODY + 1))


def _integer(variable: Variable, said: Said) -> Variable:
    return _limited(variable, said, least=-LARGEST)


def _number(variable: Variable, said: Said) -> Variable:
    return _limited(_with_decimals(variable, said), said, least=-LARGEST)


def _money(variable: Variable, said: Said) -> Variable:
    return _limited(_with_decimals(variable, said), said, least=Decimal(0))


def _with_decimals(variable: Variable, said: Said) -> Variable:
    allowed = range(MOST_DECIMALS + 1)
    return replace(
        variable, decimals=_whole(variable, "decimals", said.get("decimals", 2), allowed)
    )


def _limited(variable: Variable, said: Said, *, least: Decimal) -> Variable:
    limits = replace(variable, least=-LARGEST, most=LARGEST)
    low = _limit(limits, "min", said.get("min", int(least)))
    high = _limit(limits, "max", said.get("max", int(LARGEST)))
    if low > high:
        raise _wrong(variable.name, "has a min above its max")
    return replace(variable, least=low, most=high)


def _limit(variable: Variable, option: str, written: object) -> Decimal:
    try:
        return Decimal(variable.value(written))
    except Refused as refusal:
        raise Refused(f"The {option} is wrong: {refusal}") from None


def _choice(variable: Variable, said: Said) -> Variable:
    choices = said.get("choices")
    if not isinstance(choices, list | tuple) or not 1 <= len(choices) <= MOST_CHOICES:
        raise _wrong(variable.name, f"needs choices: a list of 1 to {MOST_CHOICES} texts")
    texts = tuple(fields.text(choice, f"A choice of {variable.name!r}") for choice in choices)
    if max(map(len, texts)) > MAX_BODY:
        raise _wrong(variable.name, f"has a choice of more than {MAX_BODY:,} characters")
    return replace(variable, choices=texts)


def _plain(variable: Variable, _: Said) -> Variable:
    return variable


def _whole(variable: Variable, option: str, written: object, allowed: range) -> int:
    if isinstance(written, int) and not isinstance(written, bool) and written in allowed:
        return written
    raise _wrong(variable.name, f"has a {option} that is not from {allowed[0]} to {allowed[-1]:,}")


def _wrong(name: str, what: str) -> Refused:
    return Refused(f"The variable {name!r} {what}.")


_MAKERS: Mapping[Kind, tuple[Callable[[Variable, Said], Variable], tuple[str, ...]]] = {
    Kind.TEXT: (_text, ("max_length", "gsm7")),
    Kind.INTEGER: (_integer, ("min", "max")),
    Kind.NUMBER: (_number, ("min", "max", "decimals")),
    Kind.MONEY: (_money, ("min", "max", "decimals")),
    Kind.DATE: (_plain, ()),
    Kind.TIME: (_plain, ()),
    Kind.DATETIME: (_plain, ()),
    Kind.URL: (_url, ("max_length",)),
    Kind.BOOL: (_plain, ()),
    Kind.CHOICE: (_choice, ("choices",)),
}
"""How a type's declaration is read, and what it may say."""
