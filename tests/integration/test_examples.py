"""The examples of README, how-to and reference work: Python, SQL, and commands of `messaging`."""

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.main import get_command

from messaging.cli import app
from messaging.local.simulator import Simulator
from tests.house.pages import Page, blocks, pages
from tests.integration.command_line import CommandLine
from tests.integration.databases import Database, change
from tests.integration.story import insert

TESTED_ELSEWHERE = {
    ("docs/reference/sql.md", "sql"): "test_sql_page.py",
    ("docs/how-to/plan-a-campaign.md", "sql"): "test_cli_plan.py, as the role that it makes",
    ("docs/how-to/test.md", "python"): "a test of ours, about processes",
}

BEFORE = {
    "docs/how-to/alerts.md": """
        import hashlib, hmac
        secret, t, body = b"secret", 1764417631, b"{}"
        v1 = hmac.new(secret, b"1764417631.{}", "sha256").hexdigest()
    """,
    "docs/how-to/schedules.md": """
        from datetime import datetime
        from messaging import Draft
        from messaging.settings import load
        settings = load()
    """,
    "docs/how-to/send-campaigns.md": """
        from messaging import Draft, Messaging
        messaging, people, body = Messaging(), ["+12025550123", "+12025550134"], "Spring is here"
    """,
    "docs/reference/python.md": """
        import psycopg
        conn.execute("create table orders (item text)")
    """,
    "docs/reference/simulator.md": """
        account = twilio
        account_sid, auth_token = account.config.account_sid, account.config.auth_token
    """,
}
"""What an example takes for granted."""

AFTER = {
    "docs/how-to/alerts.md": "is_ours",
    "docs/reference/simulator.md": "len(account.ledger.messages) == 1",
}
"""What is true when the examples of a page have run."""

EXAMPLE = "4a7c2f0e-31d5-4c0b-9a2e-0c8f5d6b7e11"
"""The id of a message that pages speak of."""
ENDLESS = {"up", "chaos", "bench", "simulator", "probe", "check"}
"""Commands that are not run here: they take long, or look at processes."""
FILES = {
    "contacts.csv": "to,name,day,priority\n+12025550123,Ada,Monday,0\n+12025550134,Bob,Tuesday,9\n",
    "invoice.txt": "Your invoice of {{ month }} is there.",
    "list.csv": "phone,state,evidence,category\n+12015550123,opted_out,a letter,marketing\n",
}
"""Files that commands read, unless their page shows them."""
OTHER_CODES = {
    "messaging inbound seen SM…": 3,
    f"messaging resolve {EXAMPLE} --sent SM00000000000000000000000000000000": 2,
    f"messaging resolve {EXAMPLE} --cancel": 4,
}
"""Commands of pages that end otherwise than well here: nobody has such a text, or it was done."""

Command = list[str]


def described(*languages: str) -> list[Page]:
    """The pages that have such examples, which no other test runs."""
    return [
        page
        for page in pages()
        if re.match(r"README\.md|docs/(?:how-to|reference)/", page.path)
        and blocks(page, *languages)
        and (page.path, languages[0]) not in TESTED_ELSEWHERE
    ]


def lines(page: Page) -> Iterator[Command]:
    """The commands of `messaging` in the page's blocks, by their words."""
    for block in blocks(page, "", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield from commands(line)


def commands(line: str) -> Iterator[Command]:
    """The commands of `messaging` in a line of a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();|&")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        words = list(lexer)
    except ValueError:
        return  # a line that a program says
    for start, word in enumerate(words):
        if word == "messaging" and (not start or words[start - 1] in ("(", "|", "if", "&&", "$")):
            rest = words[start:]
            end = next((n for n, one in enumerate(rest) if set(one) <= set("();|&")), len(rest))
            yield rest[:end]


def with_commands(folder: str = "") -> list[Page]:
    """The pages with commands in their blocks, of one folder or all."""
    return [page for page in pages() if page.path.startswith(folder) and any(lines(page))]


@cache
def program() -> Any:
    """The command line."""
    return get_command(app)


def parsed(words: Command) -> None:
    """Reads the words as the program would, and runs nothing; raises what it would say."""
    command = program()
    context = command.make_context("messaging", words[1:], resilient_parsing=False)
    rest = [*context._protected_args, *context.args]
    while rest and hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, list(rest), parent=context)
        rest = [*context._protected_args, *context.args]


@pytest.fixture
def messaging(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    more = {
        "MESSAGING_ERASURE_KEY": "k" * 32,
        "TWILIO_NATIVE_SCHEDULING": "",
    }
    return CommandLine(environment | more, monkeypatch, capsys)


@pytest.mark.parametrize("page", described("python"), ids=lambda page: page.path)
def test_the_python_of_a_page_runs(
    page: Page, messaging: CommandLine, database_url: str, twilio: Simulator
) -> None:
    code = "\n".join(blocks(page, "python")).replace("http://127.0.0.1:8010", twilio.base_url)
    with closing(psycopg.connect(database_url, autocommit=True)) as conn:
        names: dict[str, Any] = {"conn": conn, "twilio": twilio, "database_url": database_url}
        run(BEFORE.get(page.path, ""), page, names)
        run(code, page, names)
        assert eval(AFTER.get(page.path, "True"), names)
        if hasattr(names.get("messaging"), "close"):
            names["messaging"].close()


def run(code: str, page: Page, names: dict[str, Any]) -> None:
    """Runs code of a page with these names."""
    import textwrap

    exec(compile(textwrap.dedent(code), page.path, "exec"), names)


@pytest.mark.parametrize("page", described("sql"), ids=lambda page: page.path)
def test_the_sql_of_a_page_runs(page: Page, db: Database) -> None:
    for block in blocks(page, "sql"):
        db.execute(block.encode())


@pytest.mark.parametrize("page", described("toml"), ids=lambda page: page.path)
def test_the_templates_of_a_page_are_templates(page: Page, messaging: CommandLine) -> None:
    for block in blocks(page, "toml"):
        Path("shown.toml").write_text(block, encoding="utf-8")
        assert 0 == messaging("template", "put", "shown", "--file", "shown.toml").code


def is_run(words: Command) -> bool:
    """Whether a command is run here, and not only read."""
    return words[1] not in ENDLESS


@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.path)
def test_the_program_understands_the_commands_of_a_page(page: Page) -> None:
    for words in lines(page):
        parsed([EXAMPLE if word == "$id" else word for word in words])


@pytest.mark.parametrize(
    "page",
    [page for page in with_commands("docs/how-to/") if any(map(is_run, lines(page)))],
    ids=lambda page: page.path,
)
def test_the_commands_of_a_page_do_what_it_says(
    page: Page, messaging: CommandLine, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(page, messaging, db)
    id = EXAMPLE
    for words in lines(page):
        if is_run(words):
            monkeypatch.setattr("sys.stdin", io.StringIO("+12015550123\n"))
            given = [id if word == "$id" else word for word in words[1:] if word != "--wait"]
            ran = messaging(*given)
            assert OTHER_CODES.get(" ".join(words), 0) == ran.code, (words, ran)
            if words[1:3] in (["send", "--to"], ["series", "add"]):
                id = ran.out.strip()


def make_ready(page: Page, messaging: CommandLine, db: Database) -> None:
    """What the page's commands need: files, a template, a message that is held, a dead number."""
    for name, content in FILES.items():
        Path(name).write_text(content, encoding="utf-8")
    shown = [block for block in blocks(page, "") if block.startswith("{")]
    Path("messages.jsonl").write_text("".join(shown), encoding="utf-8")
    assert 0 == messaging("template", "put", "sale", "--text", "Sale, {{ name }}, {{ day }}!").code
    change(db, insert(db, id=EXAMPLE), {"status": "held", "due_at": None})
    db.execute(
        "insert into messaging.dead_numbers (phone, error_code, until) "
        "values ('+12025550123', 30005, '2090-01-01')"
    )
