"""What a template says: languages, declared variables, media, twins; and each value by its type."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from messaging.domain.content import content_of, read
from messaging.domain.linting import Level, lint
from messaging.errors import Refused

DECLARED: Mapping[str, object] = {
    "name": {"type": "text", "max_length": 5},
    "plain": {"type": "text", "gsm7": True},
    "n": {"type": "integer", "min": 1, "max": 99},
    "x": "number",
    "price": {"type": "money", "max": 1000},
    "day": "date",
    "at": "time",
    "when": "datetime",
    "link": {"type": "url", "max_length": 30},
    "ok": "bool",
    "size": {"type": "choice", "choices": ["S", "“M”"]},
}


def rendered(text: str, values: Mapping[str, object], **columns: Any) -> str:
    return read({"content_template": text, **columns}).render(values).text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("name", "Zoë😀!", "Zoë😀!"),
        ("name", "", ""),
        ("plain", "€ à", "€ à"),
        ("n", 7, "7"),
        ("n", "7", "7"),
        ("n", "+07", "7"),
        ("n", 7.0, "7"),
        ("x", 1.5, "1.5"),
        ("x", "-0.50", "-0.5"),
        ("x", -0.0, "0"),
        ("x", 100, "100"),
        ("x", 1e14, "100000000000000"),
        ("price", 3, "3.00"),
        ("price", "3.5", "3.50"),
        ("price", 0.1, "0.10"),
        ("day", "2024-02-29", "2024-02-29"),
        ("at", "09:05", "09:05"),
        ("when", "2026-12-24T14:30", "2026-12-24 14:30"),
        ("link", "https://example.com/?a=b", "https://example.com/?a=b"),
        ("ok", True, "True"),
        ("ok", "false", "False"),
        ("size", "S", "S"),
    ],
)
def test_a_value_is_printed_by_its_type(name: str, value: object, expected: str) -> None:
    assert expected == rendered(f"{{{{ {name} }}}}", {name: value}, variables=DECLARED)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("name", "Secret", "has 6 characters, and may have 5: shorten it."),
        ("name", 7, "is no text: give one."),
        ("plain", "ł", "has a character outside GSM-7: replace it."),
        ("n", 100, "is not from 1 to 99."),
        ("n", 7.5, "is no whole number: give one."),
        ("n", True, "is no whole number: give one."),
        ("n", "٧", "is no whole number: give one."),
        ("n", 10**4000, "is no whole number: give one."),
        ("n", "7 ", "is no whole number: give one."),
        ("n", None, "is no whole number: give one."),
        ("x", 1.005, "is no number with at most 2 decimals: give one."),
        ("x", float("nan"), "is no number with at most 2 decimals: give one."),
        ("x", "1e9", "is no number with at most 2 decimals: give one."),
        ("x", 1e300, "is not from -999,999,999,999,999 to 999,999,999,999,999."),
        ("price", -1, "is not from 0.00 to 1,000.00."),
        ("day", "2026-02-29", "is no date: write it like 2026-12-24."),
        ("day", "2026-2-9", "is no date: write it like 2026-12-24."),
        ("day", 20261224, "is no date: write it like 2026-12-24."),
        ("at", "24:00", "is no time: write it like 14:30."),
        ("when", "2026-12-24 14:30Z", "is no datetime: write it like 2026-12-24 14:30."),
        ("link", "javascript:alert(1)", "is no web address: give one that begins with https://"),
        ("link", "https://münchen.de", "is no web address"),
        ("link", "https://example.com/" + "a" * 20, "has 40 characters, and may have 30"),
        ("ok", "yes", "is neither true nor false: give one of them."),
        ("size", "L", "is none of 'S', '“M”': give one of them."),
    ],
)
def test_a_value_of_another_type_is_refused_without_being_quoted(
    name: str, value: object, reason: str
) -> None:
    with pytest.raises(Refused) as refusal:
        rendered(f"{{{{ {name} }}}}", {name: value}, variables=DECLARED)
    assert str(refusal.value).startswith(f"The variable {name!r} {reason}")
    assert str(value) == "L" or str(refusal.value).find(str(value)[:300]) == -1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (7, "The variable 'a' is declared by an object"),
        ({"type": "colour"}, "The variable 'a' has a type that there is not"),
        ({"type": ["text"]}, "The variable 'a' has a type that there is not"),
        ({"type": "text", "max": 3}, "The variable 'a' has no 'max', being of the type text"),
        ({"type": "text", "max_length": 0}, "The variable 'a' has a max_length that is not from 1"),
        ({"type": "text", "max_length": True}, "The variable 'a' has a max_length that is not"),
        ({"type": "text", "gsm7": "yes"}, "The variable 'a' has a gsm7 that is neither"),
        ({"type": "integer", "min": 1.5}, "The min is wrong: The variable 'a' is no whole number"),
        ({"type": "integer", "min": 3, "max": 2}, "The variable 'a' has a min above its max"),
        ({"type": "number", "decimals": 7}, "The variable 'a' has a decimals that is not from 0"),
        ({"type": "choice"}, "The variable 'a' needs choices: a list of 1 to 50 texts"),
        ({"type": "choice", "choices": [1]}, "A choice of 'a' is a int: give a text."),
        ({"type": "choice", "choices": ["x" * 1601]}, "The variable 'a' has a choice of more"),
        ({"type": "integer", "example": "x"}, "The variable 'a' is no whole number: give one."),
    ],
)
def test_a_declaration_that_is_wrong_is_refused_by_name(said: object, reason: str) -> None:
    (error,) = lint({"content_template": "{{ a }}", "variables": {"a": said}}).errors
    assert error.what.startswith(reason)


@pytest.mark.parametrize("name", ["", "a b", "1a", "ä", "a" * 61, "self", "a.b", "language"])
def test_a_name_that_no_template_could_use_is_refused(name: str) -> None:
    (error,) = lint({"content_template": "Hi", "variables": {name: "text"}}).errors
    assert error.what.startswith("The variable ")


TEXTS = {"de": "Hallo", "de-AT": "Servus", "pt-BR": "Oi"}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", "Hallo"),
        ("de-AT", "Servus"),
        ("de_at", "Servus"),
        ("de-CH", "Hallo"),
        ("de-AT-1996", "Servus"),
        ("DE", "Hallo"),
        ("pt", "Hello"),
        ("en-GB", "Hello"),
        ("fr", "Hello"),
        ("", "Hello"),
        (None, "Hello"),
        (7, "Hello"),
    ],
)
def test_a_message_gets_the_text_in_its_language_or_the_nearest(
    language: object, expected: str
) -> None:
    given = {} if language is None else {"language": language}
    assert expected == rendered("Hello", given, texts=TEXTS, language="en")


def test_the_templates_own_language_is_nearer_than_a_wider_one() -> None:
    texts = {"en": "Hi"}
    assert "G'day" == rendered("G'day", {"language": "en-AU"}, texts=texts, language="en-AU")
    assert "Hi" == rendered("G'day", {"language": "en-US"}, texts=texts, language="en-AU")


def test_without_other_texts_language_is_a_variable_as_any() -> None:
    assert "Learn Dutch" == rendered("Learn {{ language }}", {"language": "Dutch"})


def test_twins_are_put_in_texts_constants_and_values() -> None:
    text = "“{{ a|default('…') }}” – {{ b }}"
    assert '"..." - it\'s' == rendered(text, {"b": "it’s"}, gsm7=True)
    assert "“…” – it’s" == rendered(text, {"b": "it’s"})
    values = {"name": "a…", "size": '"M"'}
    printed = rendered("{{ name }}{{ size }}", values, gsm7=True, variables=DECLARED)
    assert 'a..."M"' == printed


def test_with_twins_a_value_is_measured_as_it_is_printed() -> None:
    with pytest.raises(Refused, match="has 6 characters, and may have 5"):
        rendered("{{ name }}", {"name": "……"}, gsm7=True, variables=DECLARED)


def test_a_name_that_is_not_declared_is_refused_where_others_are() -> None:
    with pytest.raises(Refused, match="nmae is not among the variables: declare it, or check"):
        rendered("{{ nmae }}", {"nmae": "x"}, variables=DECLARED)
    assert "x" == rendered("{{ nmae }}", {"nmae": "x"})


def test_media_are_rendered_and_checked_as_addresses() -> None:
    columns = {"content_template": "Hi", "media_urls": ["https://example.com/{{ id }}"]}
    assert ("https://example.com/7",) == read(columns).render({"id": 7}).media_urls
    with pytest.raises(Refused, match="Number 1 of the media_urls is no web address"):
        read(columns).render({"id": "a b"})
    with pytest.raises(Refused, match="needs the variable 'id'"):
        read(columns).render({})


@pytest.mark.parametrize(
    ("text", "is_warned"),
    [
        ("Buy now", True),
        ("Please stop by", True),
        ("{% if a %}Reply STOP to opt out{% endif %}", True),
        ("{{ a|default('STOP') }}", True),
        ("Buy. STOP to opt out", False),
        ("{% if a %}STOP ends{% else %}Text END to end{% endif %}", False),
    ],
)
def test_a_marketing_text_says_how_to_opt_out(text: str, *, is_warned: bool) -> None:
    found = lint({"content_template": text, "category": "marketing"}).findings
    assert [Level.WARNING] * is_warned == [one.level for one in found]
    assert [] == lint({"content_template": text}).findings


def test_a_way_out_is_named_in_the_texts_language() -> None:
    columns = {"content_template": "STOP", "category": "marketing"}
    assert [] == lint({**columns, "texts": {"de-AT": "Ende mit ABMELDEN"}}).findings
    (found,) = lint({**columns, "texts": {"fr": "Ende mit ABMELDEN"}}).findings
    assert "fr" == found.where


@pytest.mark.parametrize(
    ("columns", "level", "what"),
    [
        ({"content_template": " "}, None, ""),
        ({"content_template": ""}, "error", "The text is empty: write one, or give media_urls."),
        ({"content_template": "", "media_urls": ["https://example.com"]}, None, ""),
        ({"content_template": "x" * 1601}, "error", "The text has at least 1,601 characters"),
        (
            {"content_template": "{{ a }}" * 2, "variables": {"a": {"max_length": 801}}},
            "warning",
            "The text may come to 1,602 characters, and is refused above 1,600",
        ),
        (
            {"content_template": "Hi", "variables": {"a": "text"}, "template_vars": {"b": 1}},
            "warning",
            "No text uses the variable 'a': leave it out, or use it.",
        ),
        (
            {"content_template": "{{ a }}", "variables": {"a": "date"}, "template_vars": {"a": 1}},
            "error",
            "The value in template_vars is wrong: The variable 'a' is no date",
        ),
        ({"content_template": "x", "texts": {"d": "x"}}, "error", "'d' is no language: write it"),
        ({"content_template": "x", "category": "ad"}, "error", "category is none of"),
        ({"content_template": 7}, "error", "content_template is a int: give a text."),
        ({"content_template": "x", "media_urls": ["x"] * 11}, "error", "media_urls is no list of"),
    ],
)
def test_what_linting_finds(columns: Mapping[str, object], level: str | None, what: str) -> None:
    found = [*lint(columns).findings, None][0]
    assert level == (found.level if found else None)
    assert (found.what if found else "").startswith(what)


def test_a_version_is_read_once() -> None:
    written = json.dumps({"content_template": "Hi", "variables": DECLARED})
    assert content_of(written) is content_of(written)
    assert content_of(written).declared is content_of(written).declared
