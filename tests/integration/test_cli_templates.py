"""`messaging template`: lint, render, show, history and diff; and what else tells of templates."""

import io
import json
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import Draft, Messaging
from messaging.settings import Settings
from tests.integration.command_line import CommandLine

Database = Connection[TupleRow]
TO = "+14155552671"
WELCOME = """
content_template = "Hi {{ name }}, see you on {{ day|date('%d/%m') }}."
language = "en"
category = "marketing"
gsm7 = true
media_urls = ["https://example.com/{{ shop }}.png"]
template_vars = {shop = "main"}
in_doubt_policy = "hold"
opt_out_line = false

[texts]
de = "Hallo {{ name }}, bis zum {{ day|date('%-d.%-m.') }}! Abmelden mit STOP."

[variables]
name = {type = "text", max_length = 20, example = "Ann"}
day = {type = "date", example = "2026-12-24"}
shop = {type = "choice", choices = ["main", "park"]}
"""


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> CommandLine:
    """In a folder of its own, with the template `welcome` in the file welcome.toml."""
    monkeypatch.chdir(tmp_path)
    Path("welcome.toml").write_text(WELCOME, encoding="utf-8")
    return CommandLine(environment, monkeypatch, capsys)


def test_a_file_says_all_of_a_template_and_comes_back_as_it_was(messaging: CommandLine) -> None:
    stored = messaging("template", "put", "welcome", "--file", "welcome.toml", "--json").json
    assert (1, "hold") == (stored["version"], stored["in_doubt_policy"])
    assert ["day", "name", "shop"] == stored["variables"]
    sizes = [(size["language"], size["best"], size["worst"]) for size in stored["sizes"]]
    assert [("en", 1, 1), ("de", 1, 2)] == sizes
    assert ["en"] == [found["where"] for found in stored["findings"]]

    said = messaging("template", "show", "welcome", "--json")
    Path("again.json").write_text(said.out, encoding="utf-8")
    again = messaging("template", "put", "welcome", "--file", "again.json", "--json").json
    assert (1, "hold") == (again["version"], again["in_doubt_policy"])
    (listed,) = messaging("template", "list", "--json").json["templates"]
    assert (["de", "en"], "marketing") == (listed["languages"], listed["category"])
    assert messaging("template", "show", "welcome", "--json").json["opt_out_line"] is False
    assert "max_length" in messaging("template", "show", "welcome").out


def test_the_opt_out_line_is_part_of_the_size_and_may_be_the_templates_own(
    messaging: CommandLine,
) -> None:
    Path("sale.toml").write_text(
        f'content_template = "{"a" * 150}"\ncategory = "marketing"\nopt_out_line = "Stop: STOP"',
        encoding="utf-8",
    )
    stored = messaging("template", "put", "sale", "--file", "sale.toml", "--json").json
    linted = messaging("template", "lint", "sale", "--json").json["templates"][0]
    assert [2] == [size["worst"] for size in stored["sizes"]]
    assert (stored["sizes"], []) == (linted["sizes"], linted["findings"])
    assert "Stop: STOP" in messaging("template", "show", "sale").out
    Path("sale.toml").write_text('content_template = "a"\nopt_out_line = 7', encoding="utf-8")
    refused = messaging("template", "put", "sale", "--file", "sale.toml")
    assert "opt_out_line is none of true, false" in refused.err


def test_stdin_is_a_text_or_the_json_of_a_template(
    messaging: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, expected in (
        ("{{ a }}\n", "{{ a }}"),
        ('{"content_template": "{{ b }}"}', "{{ b }}"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        messaging("template", "put", "hi", "--file", "-")
        assert expected == messaging("template", "show", "hi", "--json").json["content_template"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.toml", "content_template = ", "a.toml cannot be read: Invalid value"),
        ("a.json", "[1]", 'a.json is no object: write {"content_template": "Hi"}.'),
        ("a.json", '{"text": "Hi"}', "A template has no 'text': there is content_template,"),
        ("a.json", "{}", "The text is a NoneType: give a text."),
        ("a.json", '{"content_template": "Hi", "texts": []}', "texts is a list: give an object"),
        ("a.json", '{"content_template": "Hi", "texts": {"d": "x"}}', "'d' is no language"),
        ("a.json", '{"content_template": "Hi", "gsm7": 1}', "gsm7 is neither true nor false"),
        ("a.json", '{"content_template": "Hi", "category": "ad"}', "category is none of"),
        ("a.json", '{"content_template": "Hi", "media_urls": "x"}', "media_urls is no list"),
        (
            "a.json",
            '{"content_template": "Hi", "language": "de", "texts": {"DE": "x"}}',
            "There are two texts in one language: keep one of them.",
        ),
        (
            "a.json",
            '{"content_template": "{{ n }}", "variables": {"n": "integer"}, '
            '"template_vars": {"n": "x"}}',
            "The value in template_vars is wrong: The variable 'n' is no whole number: give one.",
        ),
        (
            "a.json",
            '{"content_template": "{{ nmae }}", "variables": {"name": "text"}}',
            "nmae is not among the variables: declare it, or check how it is written.",
        ),
        (
            "a.json",
            '{"content_template": "Hi", "texts": {"de": "{{ a.b }}"}}',
            "de: The template is wrong in line 1: a dot or a key after a name is not allowed",
        ),
        ("a.json", json.dumps({"content_template": "x" * 1601}), "at least 1,601 characters"),
    ],
)
def test_a_file_that_is_no_good_template_is_refused(
    messaging: CommandLine, name: str, content: str, expected: str
) -> None:
    Path(name).write_text(content, encoding="utf-8")
    code, sentence = messaging("template", "put", "hi", "--file", name).error
    assert 2 == code
    assert expected in sentence


def test_linting_tells_what_is_wrong_and_what_is_dear(messaging: CommandLine) -> None:
    dear = messaging("template", "lint", "--text", "It’s late… \u00a0“{{ a }}” ł")
    assert 0 == dear.code
    for said in ("’ (U+2019): write '", "U+00A0: write a space", "ł (U+0142)", "set gsm7"):
        assert said in dear.err
    wrong = messaging("template", "lint", "--text", "{{ a.b }}", "--json")
    assert (2, False) == (wrong.code, wrong.json["ok"])
    assert "error" == wrong.json["templates"][0]["findings"][0]["level"]
    assert 2 == messaging("template", "lint", "hi", "--text", "a").code
    assert (3, "There is no template 'hi'.") == messaging("template", "lint", "hi").error


def test_linting_without_a_name_looks_at_all(messaging: CommandLine, db: Database) -> None:
    messaging("template", "put", "fine", "--text", "Hi")
    assert "1 template without an error." in messaging("template", "lint").err
    db.execute(
        "insert into message_templates (name, content_template) values "
        "('loops', '{% for a in b %}{% endfor %}')"
    )
    ran = messaging("template", "lint", "--json")
    assert 2 == ran.code
    errors = {one["name"]: len(one["findings"]) for one in ran.json["templates"]}
    assert {"fine": 0, "loops": 1} == errors
    assert 2 == len(messaging("template", "list", "--json").json["templates"])


def test_what_python_cannot_read_is_told_and_keeps_nobody_up(
    messaging: CommandLine, db: Database
) -> None:
    deep = '{"a":' * 3000 + "1" + "}" * 3000
    db.execute(
        "insert into message_templates (name, content_template, template_vars) values "
        "('deep', 'x', %s)",
        [deep],
    )
    assert "it is too deep" in messaging("template", "lint").err
    assert 1 == len(messaging("template", "list", "--json").json["templates"])
    assert 2 == messaging("send", "--to", TO, "--template", "deep").code


def test_a_text_is_rendered_with_what_is_given_the_defaults_and_the_examples(
    messaging: CommandLine,
) -> None:
    messaging("template", "put", "welcome", "--file", "welcome.toml")
    shown = messaging("template", "render", "welcome", "--json").json
    assert ("Hi Ann, see you on 24/12.", 1) == (shown["text"], shown["version"])
    assert (["https://example.com/main.png"], 1) == (shown["media_urls"], shown["segments"])
    german = messaging(
        *("template", "render", "welcome", "--var", "language=de-AT", "--var", "name=B…"),
        *("--var", "shop=park"),
    )
    assert "Hallo B..., bis zum 24.12.! Abmelden mit STOP.\n" in german.out
    assert "https://example.com/park.png\n" in german.out
    assert "MMS" in german.err
    plain = messaging("template", "render", "--text", "{{ a }}", "--var", "a={{ b }}")
    assert ("{{ b }}\n", True) == (plain.out, "7 characters in 1 part, GSM-7." in plain.err)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--text", "{{ a }}"], 2, "The template needs the variable 'a', which was not given"),
        (["hi", "--text", "a"], 2, "Give a name, or the text"),
        ([], 2, "Give the text with --text or with --file: one of them."),
        (["hi"], 3, "There is no template 'hi'."),
        (["welcome", "--version", "7"], 3, "There is no version 7 of 'welcome': it has 1."),
        (
            ["welcome", "--var", "name=" + "x" * 21],
            2,
            "The variable 'name' has 21 characters, and may have 20: shorten it.",
        ),
    ],
)
def test_what_cannot_be_rendered_is_told(
    messaging: CommandLine, words: list[str], code: int, expected: str
) -> None:
    messaging("template", "put", "welcome", "--file", "welcome.toml")
    ran = messaging("template", "render", *words)
    assert code == ran.code
    assert expected in ran.err


def test_the_past_of_a_template_can_be_looked_at(messaging: CommandLine) -> None:
    for text in ("one", "two", "three"):
        messaging("template", "put", "hi", "--text", text)
    past = messaging("template", "history", "hi", "--json").json["versions"]
    assert [3, 2, 1] == [one["version"] for one in past]
    assert [["content_template"], ["content_template"], []] == [one["changed"] for one in past]
    assert "content_template" in messaging("template", "history", "hi").out
    shown = messaging("template", "show", "hi", "--version", "1", "--json").json
    assert "one" == shown["content_template"]
    for words, old, new in (([], "two", "three"), ([1], "one", "three"), ([1, 2], "one", "two")):
        lines = messaging("template", "diff", "hi", *words, "--json").json["lines"]
        changed = [line.strip() for line in lines if line[0] in "+-"]
        assert [f'-   "content_template": "{old}",', f'+   "content_template": "{new}",'] == changed
    assert '+   "content_template": "three",' in messaging("template", "diff", "hi").out
    for command in ("history", "show", "diff"):
        assert 3 == messaging("template", command, "none").code


def test_a_message_tells_of_what_it_is_made(
    messaging: CommandLine, settings: Settings, db: Database
) -> None:
    messaging("template", "put", "hi", "--text", "one")
    messaging("template", "put", "hi", "--text", "two")
    with Messaging(settings) as outbox:
        id = outbox.enqueue(Draft(to=TO, template="hi"))
    messaging("template", "put", "hi", "--text", "three")
    shown = messaging("show", id, "--json").json
    assert ("hi", 2) == (shown["template"], shown["template_version"])
    assert "hi, version 2" in messaging("show", id).out
    said = "It was handed over, made of version 2 of the template hi, normal lane."
    assert said in messaging("explain", id).out
    db.execute("update message_jobs set template_version = null")
    assert "made of the template hi, normal" in messaging("explain", id).out


def test_a_check_names_templates_of_which_no_text_can_be_made(
    messaging: CommandLine, db: Database
) -> None:
    assert "templates" not in messaging("check", "--json").out
    db.execute(
        "insert into message_templates (name, content_template) "
        "select 't' || n, '{{ a.b }}' from generate_series(1, 6) as n"
    )
    found = {one["name"]: one for one in messaging("check", "--json").json["findings"]}
    assert "warning" == found["templates"]["state"]
    assert (
        "6 templates of which no text can be made: t1, t2, t3, t4, t5, …"
        == found["templates"]["what"]
    )


def test_a_template_that_is_not_of_the_table_is_refused_by_it(db: Database) -> None:
    for column, value in (("texts", "[]"), ("variables", "1"), ("category", "ad")):
        with pytest.raises(psycopg.errors.CheckViolation):
            db.execute(
                f"insert into message_templates (name, content_template, {column}) "
                "values ('a', 'a', %s)".encode(),
                [value],
            )
