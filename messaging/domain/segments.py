"""Segments: what a text costs, counted as Twilio counts (Twilio docs, "SMS character limits").

A text in the GSM-7 alphabet (3GPP TS 23.038, 6.2.1) takes 160 units alone or 153 in each of
several parts; one character outside it makes the whole text UCS-2, with 70 or 67 units. No part
cuts a sign that people see as one, a flag or an accented letter: Twilio's own calculator (the npm
package `sms-segments-calculator`) counts so. Twilio's smart encoding, which may replace such
characters on the way, is not reckoned with.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from messaging.domain.graphemes import has_wide_signs, widths

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"

_GSM7 = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*")
_NOT_GSM7 = re.compile(f"[^{re.escape(_BASIC + _EXTENSION)}]")
_TWO_SEPTETS = re.compile(f"[{re.escape(_EXTENSION)}]")
_SURROGATE_PAIR = re.compile("[\U00010000-\U0010ffff]")


class Encoding(StrEnum):
    """The alphabet of a text, which sets how much fits into a part."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """The size of a text: `parts` are what Twilio charges, `units` are septets or UTF-16 units."""

    encoding: Encoding
    parts: int
    units: int


def count(body: str) -> Segments:
    """The encoding, parts and units of a text. An empty one has no parts."""
    if _GSM7.fullmatch(body):
        return _segments(body, Encoding.GSM7, wide=_TWO_SEPTETS, alone=160, part=153)
    size = _segments(body, Encoding.UCS2, wide=_SURROGATE_PAIR, alone=70, part=67)
    if size.parts <= 1 or not has_wide_signs(body):
        return size
    return replace(size, parts=_parts_of_signs(body, 67))


def characters_that_force_ucs2(body: str) -> tuple[str, ...]:
    """The characters outside GSM-7, each once, in the order of the text."""
    return tuple(dict.fromkeys(_NOT_GSM7.findall(body)))


def _segments(
    body: str, encoding: Encoding, *, wide: re.Pattern[str], alone: int, part: int
) -> Segments:
    """`wide` finds the characters that take two units, which stay together in one part."""
    positions = [found.start() for found in wide.finditer(body)]
    units = len(body) + len(positions)
    if units <= alone:
        return Segments(encoding=encoding, parts=min(units, 1), units=units)
    starts = [position + before for before, position in enumerate(positions)]
    return Segments(encoding=encoding, parts=_parts(units, starts, part), units=units)


def _parts(units: int, starts: list[int], part: int) -> int:
    """How many parts hold `units` where a pair of units begins at each of `starts`.

    A pair that would straddle a boundary moves to the next part and leaves a unit empty.
    """
    pairs = frozenset(starts)
    parts, end = 1, part
    while end < units:
        end += part - 1 if end - 1 in pairs else part
        parts += 1
    return parts


def _parts_of_signs(body: str, part: int) -> int:
    """How many parts hold a text none of whose signs is cut; one that fills more goes alone."""
    parts, room = 1, part
    for width in widths(body):
        if width > room:
            parts += 1
            room = part
        room -= width
    return parts
