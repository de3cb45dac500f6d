"""Where a template comes from: `--text`, a file with the text, or one with all that it may say."""

import json
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from messaging.commands.files.lines import lines, shown
from messaging.commands.pairs import pairs
from messaging.domain.fields import text as checked_text
from messaging.domain.job import InDoubtPolicy
from messaging.domain.opt_out_line import checked
from messaging.errors import Refused

COLUMNS = (
    *("content_template", "template_vars", "language", "texts", "variables", "media_urls"),
    *("category", "gsm7"),
)
"""What a file may say, by the names of `message_templates`; and what is of no version."""
STDIN = Path("-")
_LARGEST = 1_000_000

Columns = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed: one of `text` and `file`, and pairs for variables."""

    text: str | None = None
    file: Path | None = None
    values: tuple[str, ...] = ()
    in_doubt_policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A template that is not stored yet, in the form of its columns."""

    columns: Columns
    in_doubt_policy: InDoubtPolicy | None
    opt_out_line: object = None


def read(wish: Wish) -> Source:
    """The template that is meant. Raises Refused where there is none, or what cannot be read."""
    if (wish.text is None) == (wish.file is None):
        raise Refused("Give the text with --text or with --file: one of them.")
    said = dict(_file(wish.file) if wish.file else {"content_template": wish.text})
    written = said.pop("in_doubt_policy", None) or wish.in_doubt_policy
    opt_out_line = checked(said.pop("opt_out_line", None), "opt_out_line")
    if unknown := sorted(said.keys() - set(COLUMNS)):
        known = ", ".join((*COLUMNS, "in_doubt_policy", "opt_out_line"))
        raise Refused(f"A template has no {unknown[0][:60]!r}: there is {known}.")
    source = checked_text(said.get("content_template"), "The text")
    if not source.strip() and not said.get("media_urls"):
        raise Refused("The text of a template is empty: give one.")
    if values := pairs(wish.values, "--var"):
        said["template_vars"] = {**_values(said), **values}
    return Source(columns=said, in_doubt_policy=_policy(written), opt_out_line=opt_out_line)


def _values(said: Columns) -> Mapping[str, object]:
    values = said.get("template_vars") or {}
    return values if isinstance(values, Mapping) else {}


def _file(path: Path) -> Columns:
    """What a file says: .toml and .json have columns, as has JSON on stdin; others are the text."""
    text = "".join(_lines(path))
    if path.suffix == ".toml":
        return _object(path, text, tomllib.loads)
    if path.suffix == ".json":
        return _object(path, text, json.loads)
    if path == STDIN and (columns := _json(text)) is not None:
        return columns
    return {"content_template": text.removesuffix("\n")}


def _lines(path: Path) -> Iterable[str]:
    if path != STDIN:
        return lines(path)
    try:
        return [sys.stdin.read(_LARGEST)]
    except UnicodeDecodeError:
        raise Refused("What comes on stdin is not UTF-8: give UTF-8.") from None


def _json(text: str) -> Columns | None:
    """The object that the text is, if it is one; a text with {{variables}} is none."""
    try:
        read_as_json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read_as_json if isinstance(read_as_json, dict) else None


def _object(path: Path, text: str, loads: Callable[[str], object]) -> Columns:
    try:
        said = loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) or "it is too deep"
        raise Refused(f"{shown(path)} cannot be read: {reason}.") from None
    if not isinstance(said, dict):
        example = '{"content_template": "Hi"}'
        raise Refused(f"{shown(path)} is no object: write {example}.")
    return said


def _policy(written: object) -> InDoubtPolicy | None:
    try:
        return InDoubtPolicy(written) if written is not None else None  # type: ignore[arg-type]
    except ValueError:
        raise Refused(f"--in-doubt-policy takes one of {', '.join(InDoubtPolicy)}.") from None
