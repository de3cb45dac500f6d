"""`messaging template render`: the text that a template makes, without a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.pairs import pairs
from messaging.commands.screen import Screen
from messaging.commands.templates.past import version_of
from messaging.commands.templates.source import Wish, read
from messaging.domain import content, segments
from messaging.domain.content import Content, content_of
from messaging.domain.wording import count, plain
from messaging.errors import Refused
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `template render --json` prints; `version` is None for one that is not stored."""

    name: str | None
    version: int | None
    text: str
    media_urls: Sequence[str]
    characters: int
    encoding: str
    segments: int


def show(screen: Screen, name: str | None, wish: Wish, *, version: int | None) -> ExitCode:
    """Prints the text. What is not given is the template's own value, or else its example.

    Raises NotFound and Refused.
    """
    found, said = _found(name, wish, version)
    given = pairs(wish.values, "--var")
    rendered = said.render({**_examples(said), **said.template_vars, **given})
    size = segments.count(rendered.text)
    parts = 1 if rendered.media_urls else size.parts
    shown = Shown(
        name=name,
        version=found,
        text=rendered.text,
        media_urls=rendered.media_urls,
        characters=len(rendered.text),
        encoding=size.encoding,
        segments=parts,
    )
    screen.show(shown, *map(plain, (rendered.text, *rendered.media_urls)))
    kind = "MMS" if rendered.media_urls else size.encoding
    screen.note(f"{count(len(rendered.text), 'character')} in {count(parts, 'part')}, {kind}.")
    return ExitCode.OK


def _found(name: str | None, wish: Wish, version: int | None) -> tuple[int | None, Content]:
    if wish.text is not None or wish.file is not None or name is None:
        if name is not None or version is not None:
            raise Refused("Give a name, or the text with --text or --file: one of them.")
        return None, content.read(read(_without_values(wish)).columns)
    with database(load()) as conn:
        found = version_of(conn, name, version)
    return found.version, content_of(found.content)


def _without_values(wish: Wish) -> Wish:
    return Wish(text=wish.text, file=wish.file)


def _examples(said: Content) -> Mapping[str, object]:
    return {
        name: variable.example
        for name, variable in said.declared.items()
        if variable.example is not None
    }
