"""What pyproject.toml says the installed program needs."""

import re
import tomllib

from tests.house.tree import ROOT


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies() -> set[str]:
    """Names of the distributions that the program, with all that measures it, depends on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["local"], *extras["bench"]]
    return {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines}
