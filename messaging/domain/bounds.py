"""Bounds: how large the texts of a template can be, without making any of them.

Every figure is one that no text exceeds, whatever the values: parts are never promised too low. A
text is not cut within a sign, and what that leaves empty is reckoned with as if it always happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil
from typing import Self

from messaging.domain.graphemes import has_wide_signs
from messaging.domain.job import MAX_BODY
from messaging.domain.segments import Encoding, count

_LONGER_BY_CASE = 3
"""Characters that one becomes at most in another case: ΐ is three in capitals (Unicode)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What is true of every text that something can print.

    `least` and `most` are characters, `septets` and `units` what they take at most in GSM-7 and in
    UTF-16, `pairs` the characters of two septets, `wide` the units of signs that may be of several
    units. `gsm7` says that no text needs UCS-2, `ucs2` that each of them does.
    """

    least: int
    most: int
    septets: int
    units: int
    pairs: int = 0
    wide: int = 0
    ascii: bool = False
    gsm7: bool = False
    ucs2: bool = False

    @classmethod
    def of(cls, text: str) -> Self:
        """The bound of exactly this text."""
        size = count(text)
        gsm7 = size.encoding is Encoding.GSM7
        units = len(text.encode("utf-16-le")) // 2
        return cls(
            least=len(text),
            most=len(text),
            septets=size.units if gsm7 else 2 * len(text),
            units=units,
            pairs=size.units - len(text) if gsm7 else len(text),
            wide=units if has_wide_signs(text) else 0,
            ascii=text.isascii(),
            gsm7=gsm7,
            ucs2=not gsm7,
        )

    @classmethod
    def up_to(cls, most: int, *, gsm7: bool = False) -> Self:
        """That of any text of so many characters, of the GSM-7 alphabet or of any."""
        if gsm7:
            return cls(least=0, most=most, septets=2 * most, units=most, pairs=most, gsm7=True)
        units = 2 * most
        # The character before a value may become one sign with the value's first.
        return cls(least=0, most=most, septets=units, units=units, pairs=most, wide=units + 2)

    @classmethod
    def of_digits(cls, least: int, most: int) -> Self:
        """That of numbers, dates and times: one septet and one unit each."""
        return cls(least=least, most=most, septets=most, units=most, ascii=True, gsm7=True)

    def __add__(self, other: Self) -> Self:
        """Both, one after the other."""
        return type(self)(
            least=self.least + other.least,
            most=self.most + other.most,
            septets=self.septets + other.septets,
            units=self.units + other.units,
            pairs=self.pairs + other.pairs,
            wide=self.wide + other.wide,
            ascii=self.ascii and other.ascii,
            gsm7=self.gsm7 and other.gsm7,
            ucs2=self.ucs2 or other.ucs2,
        )

    def __or__(self, other: Self) -> Self:
        """One of the two."""
        return type(self)(
            least=min(self.least, other.least),
            most=max(self.most, other.most),
            septets=max(self.septets, other.septets),
            units=max(self.units, other.units),
            pairs=max(self.pairs, other.pairs),
            wide=max(self.wide, other.wide),
            ascii=self.ascii and other.ascii,
            gsm7=self.gsm7 and other.gsm7,
            ucs2=self.ucs2 and other.ucs2,
        )

    def in_another_case(self) -> Self:
        """The same in capitals or small letters: longer, and of another alphabet (à, À)."""
        if self.ascii:
            return self
        return type(self).up_to(_LONGER_BY_CASE * self.most)

    def shortened(self, most: int) -> Self:
        """Any beginning of it, or what is left without some of it, of so many characters."""
        most = min(self.most, most)
        return replace(
            self,
            least=0,
            most=most,
            septets=min(self.septets, 2 * most),
            units=min(self.units, 2 * most),
            pairs=min(self.pairs, most),
            wide=min(self.wide, 2 * most + 2),
            ucs2=False,
        )

    def best_parts(self) -> int:
        """The fewest parts that a text of it may take."""
        alone, part = (70, 67) if self.ucs2 else (160, 153)
        return _parts(self.least, alone, part)

    def worst_parts(self) -> int:
        """As many parts as no text of it exceeds that can be sent."""
        sent = self.shortened(MAX_BODY)
        as_gsm7 = _parts(sent.septets, 160, 153, waste=sent.pairs)
        as_ucs2 = _parts(sent.units, 70, 67, waste=sent.wide)
        if self.gsm7:
            return as_gsm7
        return as_ucs2 if self.ucs2 else max(as_gsm7, as_ucs2)


NOTHING = Bound.of("")


def one_of(bounds: Iterable[Bound]) -> Bound:
    """The bound of any of these; there is at least one."""
    first, *others = bounds
    for other in others:
        first = first | other
    return first


def _parts(units: int, alone: int, part: int, waste: int = 0) -> int:
    """How many parts hold so many units, of which `waste` belong to signs that are not cut.

    A sign that would be cut moves to the next part: it leaves less empty than it takes. Two parts
    after each other hold more than one would.
    """
    if units <= alone:
        return min(units, 1)
    return min(ceil((units + waste) / part), 2 * units // (part + 1) + 1 if waste else units)
