"""Linting: what is wrong with a template, or costly, and how many parts its texts take. Nothing is
rendered for it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from jinja2 import nodes

from messaging.domain.bounds import Bound
from messaging.domain.category import Category
from messaging.domain.content import Content, columns_of, folded, read
from messaging.domain.declarations import RESERVED
from messaging.domain.grammar import names_in, parsed
from messaging.domain.job import MAX_BODY
from messaging.domain.keywords import KEYWORDS, Word
from messaging.domain.measuring import always_says, bound_of
from messaging.domain.segments import characters_that_force_ucs2
from messaging.domain.twins import dear, with_twins
from messaging.domain.variables import Variable
from messaging.errors import Refused

_WORD = re.compile(r"\w+")

Variables = Mapping[str, Variable]


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """No message can be made of it, or none of some: it is not saved."""
    WARNING = "warning"
    """It works; somebody should look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding. `where` is a language, `media 1`, or empty for all of the template."""

    level: Level
    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the texts in one language come to, whatever the values: parts, and characters at most.

    `unbounded` are the variables of which nobody said how long they are; then the worst is that of
    the longest text that can be sent.
    """

    language: str
    best: int
    worst: int
    characters: int
    unbounded: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """All that was found, the errors first, and the sizes of the texts that can be read."""

    findings: Sequence[Found]
    sizes: Sequence[Size]

    @property
    def errors(self) -> list[Found]:
        """Why it is not to be saved."""
        return [found for found in self.findings if found.level is Level.ERROR]


def lint(written: Mapping[str, object], line_in: Callable[[str], str] = lambda _: "") -> Lint:
    """Looks at a template in the form of its columns (`domain.content.read`).

    `line_in` is the opt-out line that first texts get, by language; empty for none.
    """
    try:
        content = read(written)
        variables = content.declared
    except Refused as refusal:
        return Lint(findings=[_error("", str(refusal))], sizes=[])
    texts = [
        _Looked(
            where=language,
            source=source,
            content=content,
            variables=variables,
            line=line_in(language),
        )
        for language, source in content.sources().items()
    ]
    media = [
        _Looked(where=f"media {number}", source=source, content=content, variables=variables)
        for number, source in enumerate(content.media_urls, start=1)
    ]
    findings = [
        *_of_all(content, texts + media),
        *(found for looked in texts + media for found in looked.findings()),
        *(found for looked in texts for found in looked.advice()),
    ]
    findings.sort(key=lambda found: found.level is not Level.ERROR)
    return Lint(findings=findings, sizes=[size for text in texts if (size := text.size())])


def lint_stored(written: str, line_in: Callable[[str], str] = lambda _: "") -> Lint:
    """The same for one that is stored, as `messaging.template_content` has it."""
    try:
        columns = columns_of(written)
    except Refused as refusal:
        return Lint(findings=[_error("", str(refusal))], sizes=[])
    return lint(columns, line_in)


class _Looked:
    """One source of a template, and what its tree shows."""

    def __init__(
        self, *, where: str, source: str, content: Content, variables: Variables, line: str = ""
    ) -> None:
        self._where = where
        self._line = line
        self._content = content
        self._variables = variables
        self._tree: nodes.Template | None = None
        self._refusal = ""
        try:
            self._tree = parsed(source, gsm7=content.gsm7)
            content.check_names(names_in(self._tree))
        except Refused as refusal:
            self._refusal = str(refusal)

    @property
    def names(self) -> frozenset[str]:
        """The variables that it uses."""
        return names_in(self._tree) if self._tree is not None else frozenset()

    def findings(self) -> Iterator[Found]:
        """Why it makes no text."""
        if self._refusal:
            yield _error(self._where, self._refusal)

    def size(self) -> Size | None:
        """None where it cannot be read."""
        if self._tree is None:
            return None
        bound = bound_of(self._tree, self._variables)
        longest = self._with_line(bound)
        return Size(
            language=self._where,
            best=bound.best_parts(),
            worst=longest.worst_parts(),
            characters=min(longest.most, MAX_BODY),
            unbounded=sorted(self._unbounded()) if bound.most > MAX_BODY else [],
        )

    def _with_line(self, bound: Bound) -> Bound:
        return bound + Bound.of(f"\n{self._line}") if self._line else bound

    def advice(self) -> Iterator[Found]:
        """What a text should have, or cost, otherwise."""
        if self._tree is None:
            return
        yield from self._of_length(bound_of(self._tree, self._variables))
        if signs := characters_that_force_ucs2(_words_of(self._tree)):
            yield _warning(self._where, dear(signs))
        if not self._offers_a_way_out():
            yield _warning(
                self._where,
                "A marketing text says how to opt out, whatever its variables: add a line such as "
                "Reply STOP to opt out.",
            )

    def _offers_a_way_out(self) -> bool:
        """Whether it need not, or does, or the first text gets the line that does."""
        if self._content.category is not Category.MARKETING or self._line or self._tree is None:
            return True
        return always_says(self._tree, partial(_offers_a_way_out, self._where))

    def _of_length(self, bound: Bound) -> Iterator[Found]:
        if not bound.most and not self._content.media_urls:
            yield _error(self._where, "The text is empty: write one, or give media_urls.")
        if bound.least > MAX_BODY:
            yield _error(
                self._where,
                f"The text has at least {bound.least:,} characters: shorten it to {MAX_BODY:,}.",
            )
        elif (most := self._with_line(bound).most) > MAX_BODY and not self._unbounded():
            yield _warning(
                self._where,
                f"The text may come to {most:,} characters, and is refused above "
                f"{MAX_BODY:,}: shorten it, or a max_length.",
            )

    def _unbounded(self) -> frozenset[str]:
        """The variables that may be of any length."""
        return frozenset(
            name
            for name in self.names
            if name not in self._variables or self._variables[name].bound().most > MAX_BODY
        )


def _of_all(content: Content, looked: Sequence[_Looked]) -> Iterator[Found]:
    used = frozenset[str]().union(*(source.names for source in looked))
    tags = [folded(language) for language in content.texts]
    if len({*tags, folded(content.language or "")}) <= len(tags):
        yield _error("", "There are two texts in one language: keep one of them.")
    for name, value in content.template_vars.items():
        try:
            if name in content.declared:
                given = with_twins(value) if content.gsm7 and isinstance(value, str) else value
                content.declared[name].value(given)
        except Refused as refusal:
            yield _error("", f"The value in template_vars is wrong: {refusal}")
    for name in sorted((content.declared.keys() | content.template_vars.keys()) - used):
        if name != RESERVED:
            yield _warning("", f"No text uses the variable {name!r}: leave it out, or use it.")


def _words_of(tree: nodes.Template) -> str:
    data = [node.data for node in tree.find_all(nodes.TemplateData)]
    constants = [node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)]
    return "".join([*data, *constants])


def _offers_a_way_out(language: str, text: str) -> bool:
    """Whether it names a word that stops texts, in capitals: in small letters "end" is English."""
    own = KEYWORDS.get(folded(language).partition("-")[0], {})
    words = {*KEYWORDS["en"][Word.STOP], *own.get(Word.STOP, ())}
    return not words.isdisjoint(_WORD.findall(text))


def _error(where: str, what: str) -> Found:
    return Found(level=Level.ERROR, where=where, what=what)


def _warning(where: str, what: str) -> Found:
    return Found(level=Level.WARNING, where=where, what=what)
