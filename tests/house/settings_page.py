"""Writes what is generated from the settings: `python -m tests.house.settings_page`."""

from collections.abc import Mapping

from tests.house.environment import CONTAINERS, PROCESSES, Setting, groups
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "settings.md"
EXAMPLE = ROOT / ".env.example"

_PAGE_OPENING = """# Settings
Every name that the environment may hold, made from `messaging/settings.py` by
`python -m tests.house.settings_page`. How to set them is in
[Configure](../how-to/configure.md).

* An empty variable counts as unset. Spaces around a value are dropped.
* Times are in seconds, unless the name ends in `…_DAYS` or `…_MINUTES`.
* Any of these settings may come from a file: `TWILIO_AUTH_TOKEN_FILE=/run/secrets/token` is read
  where `TWILIO_AUTH_TOKEN` is unset.
* Where a setting has several names, the first one that is set counts, in the order shown.
* All problems are reported at once, a line each, and nothing starts.
"""

_PROCESSES_OPENING = """
## Processes
Read by the lines of the `Procfile`, not by the program. Flower also takes any option of its own
as `FLOWER_` and the option's name.
"""

_CONTAINERS_OPENING = """
## Containers
Read by `docker-compose.yml` alone.
"""

_EXAMPLE_OPENING = """\
# Copy this file to .env and fill it in. An empty value counts as unset; what is commented out
# shows its default. docs/reference/settings.md says the same in a table.
"""

FILLED = {
    "DATABASE_URL": "postgresql://messaging:change-me@127.0.0.1:5432/messaging",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}
_ORIGINAL = {
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_STATUS_CALLBACK_URL",
    "TWILIO_RATE_LIMIT_PER_SECOND",
    "TWILIO_RATE_LIMIT_PER_MINUTE",
}
"""Names that stand in the example uncommented, to be filled in."""


def page() -> str:
    """The page of all settings, as Markdown."""
    parts = [_PAGE_OPENING]
    for heading, settings in groups().items():
        parts += [f"\n## {heading}\n", _table([_row(setting) for setting in settings])]
    parts += [_PROCESSES_OPENING, "\n", _table(_plain_rows(PROCESSES))]
    parts += [_CONTAINERS_OPENING, "\n", _table(_plain_rows(CONTAINERS))]
    return "".join(parts)


def example() -> str:
    """The file to copy to `.env`."""
    parts = [_EXAMPLE_OPENING]
    for heading, settings in groups().items():
        parts += [f"\n# ---- {heading} ----\n", *map(_assignment, settings)]
    for heading, names in (("Processes", PROCESSES), ("Containers", CONTAINERS)):
        parts.append(f"\n# ---- {heading} ----\n")
        parts += [
            f"# {sentence.replace('`', '')}\n{_line(name, default)}\n"
            for name, (default, sentence) in names.items()
        ]
    return "".join(parts)


def _row(setting: Setting) -> str:
    first, *others = (f"`{name}`" for name in setting.names)
    also = f"<br>also {', '.join(others)}" if others else ""
    default = "**required**" if setting.is_required else _quoted(setting.default)
    return f"| {first}{also} | {default} | {setting.description} |\n"


def _plain_rows(names: Mapping[str, tuple[str | None, str]]) -> list[str]:
    return [
        f"| `{name}` | {_quoted(default)} | {text} |\n" for name, (default, text) in names.items()
    ]


def _quoted(default: str | None) -> str:
    return "unset" if default is None else f"`{default}`"


def _table(rows: list[str]) -> str:
    return "".join(["| name | default | what it says |\n| --- | --- | --- |\n", *rows])


def _assignment(setting: Setting) -> str:
    return f"# {setting.description}\n{_line(setting.names[0], setting.default)}\n"


def _line(name: str, default: str | None) -> str:
    if name in FILLED:
        return f"{name}={FILLED[name]}"
    if name in _ORIGINAL | CONTAINERS.keys() | {"FLOWER_BASIC_AUTH"} and default is None:
        return f"{name}="
    return f"# {name}={default or ''}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")
