"""The template language: what it makes of variables, and what it refuses."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.grammar import FILTERS
from messaging.domain.templates import compile_template
from messaging.errors import Refused


def render(source: str, variables: Mapping[str, object]) -> str:
    return compile_template(source).render(variables)


@pytest.mark.parametrize(
    "source, variables, expected",
    [
        ("No variables.\n", {}, "No variables.\n"),
        ("Hi {{name}}!", {"name": "Ann"}, "Hi Ann!"),
        ("Hi {{ name }}!", {"name": "Ann", "unused": None}, "Hi Ann!"),
        ("{{a}}", {"a": "<b>&'\""}, "<b>&'\""),
        ("{{a}}", {"a": "{{ b }}"}, "{{ b }}"),
        ("{{a}}", {"a": ""}, ""),
        ("{{n}} {{x}} {{yes}}", {"n": 3, "x": 1.5, "yes": True}, "3 1.5 True"),
        ("Hi {{ name|default('friend') }}", {}, "Hi friend"),
        ("{{ name|upper }} {{ name|trim|capitalize }}", {"name": " ann "}, " ANN  Ann"),
        ("{{ a|truncate(8) }}", {"a": "a quite long text"}, "a..."),
        ("{{ a|truncate(7, true, '') }}", {"a": "a quite long text"}, "a quite"),
        ("{% if late %}late{% else %}on time{% endif %}", {"late": False}, "on time"),
        ("{% if n > 1 and n != 3 %}{{ n }} items{% endif %}", {"n": 2}, "2 items"),
        ("{% if n < 0 %}-{% elif n == 0 %}0{% endif %}", {"n": 0}, "0"),
        ("{% if n > -1 %}x{% endif %}", {"n": 0}, "x"),
        ("{% if note is defined %}{{ note }}{% endif %}", {}, ""),
        ("{% if not ('x' in word) %}no x{% endif %}", {"word": "word"}, "no x"),
        ("{# a remark #}{% raw %}{{ x }}{% endraw %}{{ '{{' }}", {}, "{{ x }}{{"),
        ("one\r\ntwo", {}, "one\ntwo"),
        ("{{ d|date('%-d.%-m.%y %%') }}", {"d": "2026-02-03"}, "3.2.26 %"),
        ("{{ d|date('%I:%M %p') }}", {"d": "00:05"}, "12:05 AM"),
        ("{{ d|date('%H h, %d/%m/%Y') }}", {"d": "2026-12-24 14:30"}, "14 h, 24/12/2026"),
    ],
)
def test_a_template_renders(source: str, variables: dict[str, object], expected: str) -> None:
    assert expected == render(source, variables)


@pytest.mark.parametrize(
    "source, variables, expected",
    [
        ("{{ name }}", {}, "The template needs the variable 'name', which was not given: add it."),
        (
            "{% if name %}x{% endif %}",
            {},
            "The template needs the variable 'name', which was not given: add it.",
        ),
        (
            "{{ name|upper }}",
            {},
            "The template needs the variable 'name', which was not given: add it.",
        ),
        (
            "{{ a }}",
            {"a": None},
            "The variable 'a' is null: give a text, a number, true or false.",
        ),
        (
            "{{ a|default('x') }}",
            {"a": {"b": 1}},
            "The variable 'a' is an object: give a text, a number, true or false.",
        ),
        (
            "{{ a }}",
            {"a": ["b"]},
            "The variable 'a' is a list: give a text, a number, true or false.",
        ),
        (
            "{{ a }}",
            {"a": b"b"},
            "The variable 'a' is a bytes: give a text, a number, true or false.",
        ),
        (
            "{% if a > 3 %}x{% endif %}",
            {"a": "4"},
            "The template does not work with these variables: '>' not supported between instances"
            " of 'str' and 'int'.",
        ),
        (
            "{{ a|date('%d') }}",
            {"a": "soon"},
            "date takes a date, a time or both, such as 2026-12-24 14:30.",
        ),
        (
            "{{ a|date('%d') }}",
            {"a": "14:30"},
            "'%d' asks for a day that is not given.",
        ),
        (
            "{{ a|date('%H') }}",
            {"a": "2026-12-24"},
            "'%H' asks for a time that is not given.",
        ),
        (
            "{{ a|truncate(9) }}",
            {"a": "x" * 10_001},
            "The variable 'a' has 10,001 characters: give 10,000 or fewer.",
        ),
        (
            "{{ a }}{{ a }}",
            {"a": "x" * 801},
            "The text comes to more than 1,600 characters with these variables: shorten the"
            " template or the variables.",
        ),
    ],
)
def test_variables_that_do_not_fit_are_refused_by_name(
    source: str, variables: dict[str, object], expected: str
) -> None:
    with pytest.raises(Refused) as refusal:
        render(source, variables)
    assert expected == str(refusal.value)


NOT_ALLOWED = "not allowed; use plain names, if and comparisons."


@pytest.mark.parametrize(
    "source, line, reason",
    [
        ("\n{{ a.b }}", 2, f"a dot or a key after a name is {NOT_ALLOWED}"),
        ("{{ a['b'] }}", 1, f"a dot or a key after a name is {NOT_ALLOWED}"),
        ("{{ a.__class__ }}", 1, f"a dot or a key after a name is {NOT_ALLOWED}"),
        ("{{ a() }}", 1, f"calls are {NOT_ALLOWED}"),
        ("{% for x in a %}{% endfor %}", 1, f"loops are {NOT_ALLOWED}"),
        ("{{ 'a' * 10**8 }}", 1, f"arithmetic is {NOT_ALLOWED}"),
        ("{{ user-name }}", 1, f"arithmetic is {NOT_ALLOWED}"),
        ("{{ a ~ b }}", 1, f"~ is {NOT_ALLOWED}"),
        ("{{ a if b }}", 1, f"an if inside {{{{ }}}} is {NOT_ALLOWED}"),
        ("{{ [a] }}", 1, f"lists are {NOT_ALLOWED}"),
        ("{% set a = 1 %}", 1, f"{{% set %}} is {NOT_ALLOWED}"),
        ("{% include 'a' %}", 1, f"{{% include %}} is {NOT_ALLOWED}"),
        ("{% macro a() %}{% endmacro %}", 1, f"{{% macro %}} is {NOT_ALLOWED}"),
        ("a\nb\n{{ a|replace('', 'b') }}", 3, f"no filter 'replace'; there are {FILTERS[0]}"),
        ("{{ a is odd }}", 1, "no test 'odd'; there is defined."),
        ("{{ self }}", 1, "'self' has a meaning of its own; choose another name."),
        ("{{1}}", 1, "{{ 1 }} names no variable; use a name."),
        ("{{ none }}", 1, "{{ None }} names no variable; use a name."),
        ("{% if a < 1e999 %}{% endif %}", 1, "a number that is too large."),
        ("{{ a", 1, "unexpected end of template"),
        ("one\n{% if a %}", 2, "Unexpected end of template."),
        ("{% whatever %}", 1, "Encountered unknown tag 'whatever'."),
        ("{{ first name }}", 1, "expected token 'end of print statement', got 'name'."),
        ("{{" + "(" * 400 + "a" + ")" * 400 + "}}", 1, "too many parentheses"),
        ("{{ a" + "|upper" * 300 + "}}", 1, "too many conditions or filters"),
        ("{%if a%}" * 100 + "{%endif%}" * 100, 1, "too many conditions or filters"),
        ("{{a}}" * 334, 1, "more than 1,000 words and signs within braces."),
        ("{% if a < 1000000000000001 %}{% endif %}", 1, "a number that is too large."),
        ("{{ a|default(*b) }}", 1, "* is not allowed within default."),
        ("{{ a|date(b) }}", 1, "date takes a form in quotes, made of %d %m %Y"),
    ],
)
def test_a_wrong_template_is_refused_with_line_and_reason(
    source: str, line: int, reason: str
) -> None:
    with pytest.raises(Refused) as refusal:
        compile_template(source)
    assert str(refusal.value).startswith(f"The template is wrong in line {line}: {reason}")


def test_a_long_source_is_refused_with_its_length() -> None:
    compile_template("x" * 4096)
    with pytest.raises(Refused) as refusal:
        compile_template("x" * 4097)
    expected = "The template has 4,097 characters: shorten it to 4,096 or fewer."
    assert expected == str(refusal.value)


def test_the_longest_text_still_renders() -> None:
    expected = "x" * 1600
    assert expected == render("{{ a }}{{ a }}", {"a": "x" * 800})


def test_every_name_that_a_source_uses_is_known() -> None:
    source = "{{ a|default(b) }}{% if c == d %}{{ e }}{% elif f is defined %}{% endif %}{# g #}"
    assert tuple("abcdef") == compile_template(source).variables


def test_a_template_is_compiled_once() -> None:
    assert compile_template("once {{ a }}") is compile_template("once {{ a }}")


def test_a_huge_value_is_not_multiplied_before_it_is_refused() -> None:
    with pytest.raises(Refused):
        render("{{ a }}" * 500, {"a": "x" * 10_000_000})


TOKENS = [
    *("{{", "}}", "{%", "%}", "{#", "#}", "if", "elif", "else", "endif", "not", "and", "in", "is"),
    *("defined", "a", "b", "1", "1e999", "-", "'x'", "|", "upper", "truncate", "default", "(", ")"),
    *("<", "==", ",", "=", "end", " ", "\n", "none", "*", "**", "[", "]", ":", ".", "raw", "self"),
]
STATEMENTS = [
    *("{{ a }}", "{{ b|upper }}", "{% if a %}", "{% elif a < 2 %}", "{% else %}", "{% endif %}"),
    *("{{ a|truncate(2, end='') }}", "{{ b|default(*a) }}", "{% if 1 == (not a) %}", "{{ -a }}"),
]
VALUES = st.one_of(st.none(), st.text(max_size=5), st.integers(), st.floats(), st.booleans())


@given(
    st.one_of(
        st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join),
        st.lists(st.sampled_from(STATEMENTS), max_size=12).map("".join),
        st.text(max_size=30),
    ),
    st.dictionaries(st.sampled_from("ab"), VALUES),
)
def test_any_source_renders_or_is_refused(source: str, variables: dict[str, object]) -> None:
    try:
        text = render(source, variables)
    except Refused:
        return
    assert len(text) <= 1600
