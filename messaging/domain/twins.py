"""Twins: characters that force UCS-2, and what looks like them in the GSM-7 alphabet.

Word processors put most of them there. One of them makes a text of 160 characters cost three parts
in place of one.
"""

from collections.abc import Mapping, Sequence

_TWINS = (
    ("\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u00b4\u0060\u2039\u203a", "'"),
    ("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    ("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad", "-"),
    ("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a", " "),
    ("\u202f\u205f\u3000", " "),
    ("\u200b\u2060\ufeff", ""),
    ("\u2028\u2029\u0085", "\n"),
    ("\t", " "),
    ("\u2026", "..."),
    ("\u2022\u00b7\u2219\u2043", "*"),
    ("\u2044\u2215", "/"),
    ("\u00d7", "x"),
    ("\u00a6\u2223", "|"),
    ("\uff01", "!"),
    ("\uff0c", ","),
    ("\uff1a", ":"),
    ("\uff1f", "?"),
)

TWINS: Mapping[str, str] = {sign: twin for signs, twin in _TWINS for sign in signs}
"""The twin of each character that has one. Letters have none: a name is written as it is."""

LONGEST = max(map(len, TWINS.values()))
_TABLE = str.maketrans(dict(TWINS))


def with_twins(text: str) -> str:
    """The text with each character that has a twin replaced by it."""
    return text if text.isascii() and "\t" not in text and "`" not in text else _replaced(text)


def dear(signs: Sequence[str]) -> str:
    """What these characters cost, and what could stand for each."""
    told = ", ".join(f"{_shown(sign)}{_advice(sign)}" for sign in signs)
    way_out = " Or set gsm7, which replaces them." if set(signs) & TWINS.keys() else ""
    return f"70 characters fit into a part in place of 160, because of {told}.{way_out}"


def _replaced(text: str) -> str:
    return text.translate(_TABLE)


def _shown(sign: str) -> str:
    code = f"U+{ord(sign):04X}"
    return f"{sign} ({code})" if sign.isprintable() and not sign.isspace() else code


def _advice(sign: str) -> str:
    if sign not in TWINS:
        return ""
    names = {" ": "a space", "\n": "a line break", "": "nothing"}
    return f": write {names.get(TWINS[sign], TWINS[sign])}"
