"""The segments of a text, at every edge and against a slow count that is plainly right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.segments import Encoding, Segments, characters_that_force_ucs2, count

GSM7, UCS2 = Encoding.GSM7, Encoding.UCS2
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"


@pytest.mark.parametrize(
    "body, encoding, parts, units",
    [
        ("", GSM7, 0, 0),
        ("a", GSM7, 1, 1),
        ("a" * 160, GSM7, 1, 160),
        ("a" * 161, GSM7, 2, 161),
        ("a" * 306, GSM7, 2, 306),
        ("a" * 307, GSM7, 3, 307),
        ("a" * 1600, GSM7, 11, 1600),
        ("€", GSM7, 1, 2),
        ("€" * 80, GSM7, 1, 160),
        ("€" * 81, GSM7, 2, 162),
        ("a" * 152 + "€" + "a" * 6, GSM7, 1, 160),
        ("a" * 152 + "€" + "a" * 7, GSM7, 2, 161),
        ("a" * 152 + "€" + "a" * 151, GSM7, 2, 305),
        ("a" * 152 + "€" + "a" * 152, GSM7, 3, 306),
        ("€" * 152, GSM7, 2, 304),
        ("€" * 153, GSM7, 3, 306),
        ("’", UCS2, 1, 1),
        ("’" + "a" * 69, UCS2, 1, 70),
        ("’" + "a" * 70, UCS2, 2, 71),
        ("’" + "a" * 133, UCS2, 2, 134),
        ("’" + "a" * 134, UCS2, 3, 135),
        ("😀" * 35, UCS2, 1, 70),
        ("😀" * 36, UCS2, 2, 72),
        ("😀" * 66, UCS2, 2, 132),
        ("😀" * 67, UCS2, 3, 134),
        ("a" * 66 + "😀" + "a" * 2, UCS2, 1, 70),
        ("a" * 66 + "😀" + "a" * 65, UCS2, 2, 133),
        ("a" * 66 + "😀" + "a" * 66, UCS2, 3, 134),
        ("’€", UCS2, 1, 2),
        ("\t", UCS2, 1, 1),
        ("`", UCS2, 1, 1),
        ("ç", UCS2, 1, 1),
        ("e\u0301", UCS2, 1, 2),
    ],
)
def test_a_text_has_the_segments_that_twilio_counts(
    body: str, encoding: Encoding, parts: int, units: int
) -> None:
    assert Segments(encoding=encoding, parts=parts, units=units) == count(body)


@pytest.mark.parametrize("character", ALPHABET)
def test_each_basic_character_is_one_septet(character: str) -> None:
    assert Segments(encoding=GSM7, parts=1, units=1) == count(character)


@pytest.mark.parametrize("character", EXTENSION)
def test_each_extension_character_is_two_septets(character: str) -> None:
    assert Segments(encoding=GSM7, parts=1, units=2) == count(character)


def test_the_alphabet_is_complete() -> None:
    in_gsm7 = sum(count(chr(code)).encoding is GSM7 for code in range(0x10000))
    assert len(ALPHABET + EXTENSION) == in_gsm7


@pytest.mark.parametrize(
    "body, expected",
    [
        ("plain", ()),
        ("it’s “fine”, it’s", ("’", "“", "”")),
        ("tab\tand 😀😀", ("\t", "😀")),
    ],
)
def test_the_characters_that_make_a_text_dear_are_named_once(
    body: str, expected: tuple[str, ...]
) -> None:
    assert expected == characters_that_force_ucs2(body)


BODIES = st.one_of(
    st.text(alphabet="ab€|\n", max_size=700),
    st.text(alphabet="aé’😀€", max_size=400),
    st.text(max_size=200),
    st.tuples(st.integers(60, 160), st.text(alphabet="a€😀", max_size=100)).map(
        lambda pair: "a" * pair[0] + pair[1]
    ),
)


@given(BODIES)
def test_the_count_agrees_with_the_obvious_one(body: str) -> None:
    assert _obvious(body) == count(body)


def _obvious(body: str) -> Segments:
    """Put one character after the other into parts, and open a new part when one is full."""
    gsm7 = all(character in ALPHABET + EXTENSION for character in body)
    sizes = [_size(character, gsm7=gsm7) for character in body]
    alone, each = (160, 153) if gsm7 else (70, 67)
    encoding = GSM7 if gsm7 else UCS2
    if sum(sizes) <= alone:
        return Segments(encoding=encoding, parts=1 if body else 0, units=sum(sizes))
    parts = [0]
    for size in sizes:
        if parts[-1] + size > each:
            parts.append(0)
        parts[-1] += size
    return Segments(encoding=encoding, parts=len(parts), units=sum(sizes))


def _size(character: str, *, gsm7: bool) -> int:
    if gsm7:
        return 2 if character in EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1


@pytest.mark.parametrize(
    ("sign", "fits"),
    [
        ("\U0001f1e9\U0001f1ea", 16),  # a flag: 4 units, of which 16 go into 67
        ("\U0001f468\u200d\U0001f4bb", 13),  # joined by U+200D: 5 units
        ("\U0001f44d\U0001f3fd", 16),  # with the colour of a skin
        ("\u2764\ufe0f", 33),  # with its form
        ("a\u0323\u0301", 22),  # with two accents
        ("\u0e01\u0e33", 33),  # a Thai letter and its vowel
        ("\u0928\u093f", 33),  # a Hindi one
        ("\u1112\u1161\u11ab", 22),  # a Korean syllable in three letters
    ],
)
def test_no_part_cuts_a_sign(sign: str, fits: int) -> None:
    """Twilio's calculator counts so; `test_segments_calculator` compares."""
    assert [2, 3] == [count(sign * (fits * 2 + more)).parts for more in (0, 1)]


def test_a_sign_that_fills_more_than_a_part_goes_alone() -> None:
    assert 3 == count("a" + "z" + "\u0301" * 70 + "b").parts
