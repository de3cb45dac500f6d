"""What a page names is there: settings, options, files, functions, SQL, metrics, words of code."""

import re
from collections.abc import Iterator

import pytest

from tests.house import mentions
from tests.house.pages import Page, blocks, pages, spans
from tests.house.tree import expect_none

OF_OTHERS = {
    "Postgres": "btree_gist force_custom_plan pg_repack plan_cache_mode synchronous_standby_names "
    "wal_receiver_timeout auth.users request.jwt.claims postmaster.pid pgmq.a_sms_dlq "
    "pgmq.read_grouped_rr pgmq.read last_read_at pg_statio_all_indexes pg_waldump",
    "Celery": "acks_late reject_on_worker_lost --hostname",
    "Python": "sys.setswitchinterval client.request_async messages.create_async "
    "asyncio.to_thread psycopg.Connection psycopg.OperationalError psycopg_pool.PoolTimeout",
    "Twilio": "AddressRetention ContentRetention FallbackFrom MaxPrice RiskCheck ShortenUrls "
    "TWILIO_EDGE TWILIO_REGION",
    "the machine": "COMPOSE_PROFILES DynamicUser EnvironmentFile ExecStart RestartSec "
    "TimeoutStopSec WantedBy /var/lib/messaging-… /etc/messaging.env /etc/systemd/system /dev/null",
    "the reader": "SUPABASE_URL NAME_FILE metadata.NAME metadata.campaign result.csv "
    "twilio_token Los_Angeles "
    "messaging/bench-node docs/decisions/NNNN-*.md Europe/Berlin",
}
"""What pages name that is nobody's of us, by whose it is."""

CITING = {
    "docs/guarantees.md": "## What others do",
    "docs/house-style.md": "## Read these first, for taste",
}
"""Sections that cite other projects' code."""

_DATA = re.compile(r"(?:\./)?data(?:/.*)?|postgres/\w+|valkey/|simulator/ledger\.jsonl|server\.log")
"""What `messaging up` puts into its folder."""

_FIGURE = re.compile(r"\bmessaging_[a-z_]+(?:\{[^}]*\})?")
_OF_SQL = re.compile(r"(?<![\w./-])messaging\.([a-z_]+)\b(?!\.)(\([\w, ]*\))?")
_SETTING = re.compile(
    r"(?<!\w)(?:…_[A-Z_]+|(?:MESSAGING|TWILIO|DATABASE|PRIVATE|WORKER|FLOWER|SUPABASE)_[A-Z_…]+)"
)
_PROGRAM = re.compile(r"(?:^|[ /])python -m ((?:messaging|tests)[\w.]*)(.*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_FILE = re.compile(r"[\w./…*-]*\.(?:py|sql|lua|toml|yml|md|html|svg|json)|[\w./-]+/[\w./…*-]*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_WORD = re.compile(r"(?<![\w.\\-])(?:[A-Za-z]*_\w+|(?:[A-Z][a-z]+){2,}\w*)")
_NO_NAME = re.compile(r"SM\w{32}|[A-Z_]+_")


def described() -> list[Page]:
    """README and docs, without what cites others."""
    ours = [page for page in pages() if page.path == "README.md" or page.path.startswith("docs/")]
    return [Page(path=page.path, text=_without_citations(page)) for page in ours]


def _without_citations(page: Page) -> str:
    if page.path not in CITING:
        return page.text
    before, after = page.text.split(f"{CITING[page.path]}\n")
    return before + re.sub(r"\A.*?(?=^## |\Z)", "", after, flags=re.DOTALL | re.MULTILINE)


def unknown(page: Page) -> list[str]:
    """What a page names in code and nobody has."""
    lines = "\n".join(blocks(page, "", "sh")).splitlines()
    return [
        f"{page.path}: {name} in `{span}`"
        for span in [*spans(page), *lines]
        for name in unknown_in(span)
    ]


def unknown_in(span: str) -> Iterator[str]:
    """What a piece of code names and nobody has."""
    theirs = {name for names in OF_OTHERS.values() for name in names.split()}
    yield from (name for name in _unknown(span) if name not in theirs)


def _unknown(span: str) -> Iterator[str]:
    if match := _PROGRAM.search(span):
        yield from _of_program(match[1], _OPTION.findall(match[2]))
    elif span.startswith("--"):
        yield from set(_OPTION.findall(span)) - mentions.options()
    if _FILE.fullmatch(span):
        yield from [] if _is_place(span) else [span]
        return
    for pattern, judge in ((_SETTING, _setting), (_FIGURE, _metric), (_OF_SQL, _object)):
        yield from (name for match in pattern.finditer(span) for name in judge(match))
        span = pattern.sub(" ", span)
    if _DOTTED.fullmatch(span):
        yield from [] if mentions.is_defined(span) or span in mentions.texts() else [span]
    else:
        known = mentions.words()
        yield from (w for w in _WORD.findall(span) if w not in known and not _NO_NAME.fullmatch(w))


def _is_place(name: str) -> bool:
    """A file or a folder of ours, a module without its ending, or an address in the code."""
    if _DATA.fullmatch(name) or mentions.is_path(name) or mentions.is_path(f"{name}.py"):
        return True
    return any(text.startswith(name.removesuffix("…")) for text in mentions.texts())


def _of_program(module: str, used: list[str]) -> list[str]:
    if (options := mentions.program_options(module)) is None:
        return [f"python -m {module}"]
    return [option for option in used if option not in options]


def _setting(match: re.Match[str]) -> list[str]:
    name = f"{match[0]}…" if match[0].endswith("_") else match[0]
    return [] if mentions.is_setting(name) else [match[0]]


def _metric(match: re.Match[str]) -> list[str]:
    name, _, labels = match[0].partition("{")
    if (known := mentions.metrics().get(name)) is None:
        return [] if name in mentions.words() else [name]
    return [label for label in re.findall(r"(\w+)(?:=\"\w*\")?[,}]", labels) if label not in known]


def _object(match: re.Match[str]) -> list[str]:
    name, arguments = match[1], re.findall(r"\w+", match[2] or "")
    if (known := mentions.sql_objects().get(name)) is None:
        dotted = f"messaging.{name}"
        return [] if mentions.is_defined(dotted) or dotted in mentions.texts() else [dotted]
    return [f"messaging.{name}({word})" for word in arguments if word not in known]


def test_everything_that_a_page_names_is_there() -> None:
    expect_none(finding for page in described() for finding in unknown(page))


def test_what_belongs_to_others_is_named_somewhere() -> None:
    text = "\n".join(page.text for page in described())
    expect_none(name for names in OF_OTHERS.values() for name in names.split() if name not in text)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("MESSAGING_CHUNK", 0),
        ("MESSAGING_CHUNK=200", 0),
        ("MESSAGING_CHUNKS", 1),
        ("TWILIO_AUTH_TOKEN_FILE=/run/secrets/token", 0),
        ("…_LONGEST_WAIT", 0),
        ("…_SHORTEST_WAIT", 1),
        ("MESSAGING_ALERT_", 0),
        ("MESSAGING_ALARM_", 1),
        ("messaging_jobs{status}", 0),
        ('messaging_jobs{status="held"}', 0),
        ("messaging_jobs{state}", 1),
        ("messaging_job_count", 1),
        ("messaging.can_become(old, new)", 0),
        ("messaging.can_become(from, to)", 2),
        ("messaging.may_become", 1),
        ("select * from messaging.held_jobs", 1),
        ("messaging.deliver", 0),
        ("domain/draft.py", 0),
        ("domain/drafts.py", 1),
        ("…_jobs.sql", 0),
        ("…_works.sql", 1),
        ("messaging/steps/", 0),
        ("messaging/stages/", 1),
        ("/api/twilio/status", 0),
        ("/api/twilio/state", 1),
        ("promotion.promote", 0),
        ("promotion.advance", 1),
        ("Messaging.enqueue", 0),
        ("Messaging.send", 1),
        ("message_jobs.due_at", 0),
        ("message_jobs.date_due", 1),
        ("deliver.urgent", 0),
        ("deliver.soon", 1),
        ("--key-prefix november", 0),
        ("--key-suffix november", 1),
        ("python -m messaging.local.pacing --second 50", 0),
        ("python -m messaging.local.pacing --hour 50", 1),
        ("python -m messaging.local.racing", 1),
        ("retry_of", 0),
        ("repeat_of", 1),
        ("InDoubt", 0),
        ("InQuestion", 1),
        ("auth.users", 0),
    ],
)
def test_a_name_that_nobody_has_is_found(span: str, expected: int) -> None:
    assert expected == len(list(unknown_in(span)))
