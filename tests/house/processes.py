"""The files that start processes elsewhere, read: Procfile, containers, workflow."""

import re
import shlex
from dataclasses import dataclass
from typing import Any

import yaml

from tests.house.tree import ROOT

COMPOSE = ROOT / "docker-compose.yml"
WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A service of docker-compose.yml, as far as the tests look at it."""

    name: str
    image: str
    command: str
    environment: frozenset[str]
    needs: dict[str, str]
    volumes: tuple[str, ...]
    ports: tuple[str, ...]
    restart: str
    has_health_check: bool


def procfile() -> dict[str, str]:
    """Every process and its command."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def containers() -> list[Container]:
    """Every service of docker-compose.yml."""
    return [_container(name, service) for name, service in _compose()["services"].items()]


def named_volumes() -> set[str]:
    """The volumes that docker-compose.yml declares."""
    return set(_compose()["volumes"])


def interpolated() -> set[str]:
    """The names that Docker Compose itself takes from `.env`."""
    text = COMPOSE.read_text(encoding="utf-8")
    return set(re.findall(r"(?<!\$)(?:\$\$)*\$\{(\w+)", text))


def _compose() -> Any:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def _container(name: str, service: Any) -> Container:
    health = service.get("healthcheck", {})
    return Container(
        name=name,
        image=service["image"],
        command=_command(service.get("command", "")),
        environment=frozenset(service.get("environment", {})),
        needs={other: how["condition"] for other, how in service.get("depends_on", {}).items()},
        volumes=tuple(volume.split(":")[0] for volume in service.get("volumes", [])),
        ports=tuple(service.get("ports", [])),
        restart=service.get("restart", "no"),
        has_health_check={"test", "interval", "timeout", "retries"} <= set(health),
    )


def _command(given: str | list[str]) -> str:
    """A command as the Procfile has it: without the shell, its exec and Compose's doubled $."""
    words = shlex.split(given) if isinstance(given, str) else given
    line = words[2] if words[:2] == ["sh", "-c"] else " ".join(words)
    return re.sub(r"\bexec ", "", line, count=1).replace("$$", "$")
