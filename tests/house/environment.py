"""Every environment name that the project reads or that its processes are started with."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getsource

from flower.options import default_options
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from messaging.settings import Settings, names_of

PROCESSES = {
    "WORKER_CONCURRENCY": ("16", "Celery tasks that one `worker` process runs at once."),
    "FLOWER_BASIC_AUTH": (None, "Flower's login, as `user:password`; without it Flower stays off."),
    "FLOWER_ADDRESS": ("127.0.0.1", "The address that Flower listens on."),
    "FLOWER_PORT": ("5555", "The port of Flower."),
}
"""Names that only the lines of the Procfile read: default and sentence."""

CONTAINERS = {
    "POSTGRES_PASSWORD": (None, "The database's password, letters and digits, chosen by you."),
    "WORKERS": ("2", "How many `worker` containers run."),
}
"""Names that only docker-compose.yml reads: default and sentence."""

_GROUP = re.compile(r"^    # (.+)$")
_FIELD = re.compile(r"^    (\w+): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting as a reader meets it: its names, its default (None: unset) and its sentence."""

    names: tuple[str, ...]
    default: str | None
    is_required: bool
    description: str


def groups() -> dict[str, list[Setting]]:
    """The settings under the headings that stand above them in `settings.py`."""
    found: dict[str, list[Setting]] = {}
    for heading, field in _headed():
        found.setdefault(heading, []).append(_setting(field, Settings.model_fields[field]))
    return found


def is_known(name: str) -> bool:
    """Whether something reads the name: a setting, a line of the Procfile, or Flower."""
    settings = {name for field in Settings.model_fields for name in names_of(field)}
    if name in settings | {f"{name}_FILE" for name in settings} | PROCESSES.keys():
        return True
    return name.startswith("FLOWER_") and name.removeprefix("FLOWER_").lower() in default_options


def _headed() -> Iterator[tuple[str, str]]:
    for part in reversed(Settings.__mro__):
        if part.__module__.split(".")[0] == "messaging":
            heading = (part.__doc__ or "").split(".")[0]
            for line in getsource(part).splitlines():
                if comment := _GROUP.match(line):
                    heading = comment[1]
                elif (field := _FIELD.match(line)) and field[1] in Settings.model_fields:
                    yield heading, field[1]


def _setting(field: str, described: FieldInfo) -> Setting:
    return Setting(
        names=names_of(field),
        default=_shown(described.default),
        is_required=described.is_required(),
        description=described.description or "",
    )


def _shown(default: object) -> str | None:
    if default is None or default is PydanticUndefined:
        return None
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
