"""What linting promises of the parts of a template's texts holds for every text that it makes."""

import string
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given, note, settings
from hypothesis import strategies as st

from messaging.domain.bounds import Bound
from messaging.domain.content import read
from messaging.domain.linting import lint
from messaging.domain.segments import Encoding, count
from messaging.domain.twins import TWINS, with_twins
from messaging.errors import Refused

SIGNS = (
    *("a", "Z", " ", "\n", "@", "é", "ß", "à", "€", "{ ", "^", "~", "`", "ŉ", "ΐ", "İ", "ł", "\t"),
    *(
        "’",
        "“",
        "…",
        "–",
        "\u00a0",
        "\u200b",
        "\u0301",
        "\u200d",
        "☀",
        "한",
        "ᄀ",
        "ᅡ",
        "ำ",
        "\ufe0f",
    ),
    *("😀", "👩", "🏽", "🇩", "🇪", "\U000e0067"),
)
"""Of each kind that counting knows: of one or two septets, of one or two units, parts of signs."""
TEXTS = st.lists(st.sampled_from(SIGNS), max_size=30).map("".join)
LONG = st.tuples(st.sampled_from(SIGNS), st.sampled_from(SIGNS), st.integers(1, 200)).map(
    lambda drawn: (drawn[0] + drawn[1]) * drawn[2]
)
GSM7 = st.lists(st.sampled_from("a €ßà^"), max_size=20).map("".join)
NUMBERS = st.integers(-(10**12), 10**12)

DECLARED: Mapping[str, tuple[object, st.SearchStrategy[Any]]] = {
    "short": ({"type": "text", "max_length": 12}, TEXTS.map(lambda text: text[:12])),
    "long": ({"type": "text", "max_length": 400}, st.one_of(TEXTS, LONG)),
    "free": ("text", st.one_of(TEXTS, LONG)),
    "plain": ({"type": "text", "max_length": 20, "gsm7": True}, GSM7),
    "n": ({"type": "integer", "min": -50, "max": 1000}, st.integers(-50, 1000)),
    "x": ("number", NUMBERS.map(lambda n: float(Decimal(n) / 100))),
    "price": ({"type": "money", "max": 5000}, st.floats(0, 5000).map(lambda f: round(f, 2))),
    "day": ("date", st.dates().map(str)),
    "at": ("datetime", st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M}")),
    "link": ("url", st.text("abc/~{}|?=", max_size=80).map(lambda rest: f"https://{rest}x")),
    "is_late": ("bool", st.booleans()),
    "size": ({"type": "choice", "choices": ["S", "“M”", "größer €"]}, st.sampled_from(["S"])),
    "unknown": (None, st.one_of(TEXTS, NUMBERS, st.booleans(), st.floats(allow_nan=False))),
}
NAMES = st.sampled_from(sorted(DECLARED))
FILTERS = st.sampled_from(
    [
        *("", "|upper", "|lower", "|title", "|capitalize", "|trim", "|default('…')"),
        *("|truncate(5)", "|truncate(9, true, '…')", "|truncate(7, false, '😀', 3)"),
        *("|truncate(n)", "|default(long, true)|truncate(6)", "|upper|truncate(40, end='€')"),
        *("|default('……………')|truncate(4)", "|title|lower"),
    ]
)
PRINTED = st.one_of(
    st.builds("{{{{ {}{} }}}}".format, NAMES, FILTERS),
    st.just("{{ day|date('%-d. €%B %Y') }}".replace("%B", "…")),
    st.just("{{ at|date('%H:%M %p') }}"),
    st.just("{{ -n }}{{ is_late and short or link }}{{ not n }}{{ n > 3 }}{{ '…'|upper }}"),
)
SOURCES = st.recursive(
    st.one_of(PRINTED, TEXTS.map(lambda text: text.replace("{", "("))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds(
            "{{% if is_late %}}{}{{% elif n > 9 %}}{}{{% else %}}{}{{% endif %}}".format,
            inner,
            inner,
            inner,
        ),
        st.builds("{{% if day is defined %}}{}{{% endif %}}".format, inner),
    ),
    max_leaves=8,
)
VALUES = st.fixed_dictionaries({name: values for name, (_, values) in DECLARED.items()})


@settings(max_examples=200)
@given(SOURCES, VALUES, st.booleans(), st.booleans())
@example("{{ long }}", {"long": "€" * 153}, False, True)
@example("{{ long }}", {"long": "\u200d😀" * 200}, False, True)
@example("a{{ short }}", {"short": "\u0301" * 12}, False, True)
@example("{{ short|upper }}", {"short": "ΐ" * 12}, False, True)
@example("{{ long }}", {"long": ("😀" + "\U000e0067" * 16) * 23}, False, True)
@example("{{ unknown }}", {"unknown": ("e" + "\u0301" * 33) * 47}, False, False)
def test_no_text_takes_more_or_fewer_parts_than_linting_says(
    source: str, values: dict[str, object], gsm7: bool, is_declared: bool
) -> None:
    known = {name: said for name, (said, _) in DECLARED.items() if said is not None}
    used = {name: said for name, said in known.items() if is_declared}
    if is_declared:
        used["unknown"] = "text"
    template = {"content_template": source, "variables": used, "gsm7": gsm7}
    try:
        text = read(template).render(values).text
    except Refused as refusal:
        note(str(refusal))
        assume(False)
    (size,) = lint(template).sizes
    assert size.best <= count(text).parts <= size.worst
    assert len(text) <= size.characters


@pytest.mark.parametrize(
    ("source", "variables", "best", "worst"),
    [
        ("x" * 160, {}, 1, 1),
        ("x" * 161, {}, 2, 2),
        ("x" * 306, {}, 2, 2),
        ("’" + "x" * 69, {}, 1, 1),
        ("’" + "x" * 70, {}, 2, 2),
        ("x" * 150 + "{{ n }}", {"n": {"type": "integer", "min": 0, "max": 999}}, 1, 1),
        ("x" * 158 + "{{ n }}", {"n": {"type": "integer", "min": 0, "max": 999}}, 1, 2),
        ("x" * 60 + "{{ a }}", {"a": {"type": "text", "max_length": 5}}, 1, 1),
        ("x" * 60 + "{{ a }}", {"a": {"type": "text", "max_length": 6}}, 1, 2),
        ("x" * 140 + "{{ a }}", {"a": {"type": "text", "max_length": 10, "gsm7": True}}, 1, 1),
        ("{% if a %}" + "x" * 170 + "{% endif %}", {"a": "bool"}, 0, 2),
        ("{% if a %}x{% else %}" + "x" * 170 + "{% endif %}", {"a": "bool"}, 1, 2),
        ("{{ a|truncate(70) }}", {"a": "text"}, 0, 5),
    ],
)
def test_the_bounds_of_some_templates(
    source: str, variables: Mapping[str, object], best: int, worst: int
) -> None:
    (size,) = lint({"content_template": source, "variables": variables}).sizes
    assert (best, worst) == (size.best, size.worst)


def test_no_character_is_more_than_three_in_another_case() -> None:
    """And none becomes one with a longer twin, which would be replaced too late."""
    for code in range(0x20000):  # Unicode has no letters with two cases beyond
        sign = chr(code)
        if 0xD800 <= code < 0xE000:
            continue
        for other in (sign.upper(), sign.lower(), sign.title()):
            assert len(other) <= 3
            assert sign in TWINS or not any(len(TWINS.get(each, "")) > 1 for each in other)


def test_every_twin_is_of_gsm7_and_stands_for_what_is_not() -> None:
    assert [] == [twin for twin in TWINS.values() if count(twin).encoding is not Encoding.GSM7]
    assert [] == [sign for sign in TWINS if count(sign).encoding is Encoding.GSM7]
    assert '"Hi" - it\'s 5*...' == with_twins("“Hi”\u00a0—\u2009it’s\u00a05•…")
    assert with_twins("".join(TWINS)) == "".join(TWINS.values())
    assert " '" == with_twins("\t`")


def test_plain_text_is_ascii_without_pairs() -> None:
    letters = string.ascii_letters + string.digits
    assert Bound.of_digits(62, 62).septets == Bound.of(letters).septets
