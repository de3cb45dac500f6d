"""The Lua scripts of this folder, each one call."""

from importlib.resources import files


def script(*names: str) -> str:
    """The text of these, one after the other."""
    folder = files("messaging.redis")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
