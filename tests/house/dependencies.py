"""What pyproject.toml says the installed program needs."""

import re
import tomllib

from tests.house.tree import ROOT


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies() -> set[str]:
    """Names of the distributions that the program and its `local` extra depend on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    return {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines}
