"""The opt-out line: which texts get it, in which words, and what they come to with it. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from messaging.domain.category import Category
from messaging.domain.content import chosen, folded
from messaging.domain.job import MAX_BODY, JobId
from messaging.domain.segments import count
from messaging.domain.twins import with_twins
from messaging.errors import Refused

LONGEST = 160
"""Characters of a line: it stands below a text, and is none itself."""
LineIn = Callable[[str], str]
"""The line in a language; empty for none."""
_EXAMPLE = '"Reply STOP to opt out."'


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstText:
    """A text to a number that has had no opt-out line yet.

    `template_line` is what its template says of the line, as JSON text; `asked_language` what its
    variables ask for, of the languages that its template has.
    """

    id: JobId
    message_content: str
    has_media: bool
    category: Category
    template_line: str | None = None
    asked_language: str | None = None
    template_language: str | None = None
    languages: Sequence[str] = ()
    gsm7: bool = False

    @property
    def language(self) -> str:
        """The language of its text; empty where that is not known."""
        texts = {folded(language): language for language in self.languages}
        asked = texts.get(chosen(self.asked_language or "", texts))
        return asked or self.template_language or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A text with its line; an empty `line` is that the text had it already."""

    id: JobId
    line: str
    segments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutLines:
    """The lines of an installation: one for all languages, and those of some.

    `categories` are those whose texts get it, unless their template says otherwise. Without a
    `line`, no text gets any.
    """

    line: str
    by_language: Mapping[str, str] = field(default_factory=dict)
    categories: frozenset[Category] = frozenset({Category.MARKETING})

    @property
    def lined(self) -> frozenset[Category] | None:
        """The categories; None where no text gets a line."""
        return self.categories if self.line else None

    def of(self, text: FirstText) -> str | None:
        """The line of this text; None where it gets none."""
        if not self.line:
            return None
        own = json.loads(text.template_line) if text.template_line else None
        if own is False or (own is None and text.category not in self.categories):
            return None
        line = self.in_words(own, text.language)
        return with_twins(line) if text.gsm7 else line

    def added_to(self, columns: Mapping[str, object], own: object) -> LineIn:
        """The line that a template's first texts get, by their language; empty for none."""
        is_one = own is not False and (
            own is not None or columns.get("category") in self.categories
        )
        return lambda language: self.in_words(own, language) if self.line and is_one else ""

    def all_of_them(self, of_templates: Sequence[str]) -> list[str]:
        """Every line that a text may have got, with those of templates, given as JSON texts."""
        own = [json.loads(written) for written in of_templates]
        words = [*own, *(line for one in own if isinstance(one, Mapping) for line in one.values())]
        lines = {line for line in words if isinstance(line, str)}
        known = {*lines, *self.by_language.values(), self.line} - {""}
        return sorted(known | {with_twins(line) for line in known})

    def in_words(self, own: object, language: str) -> str:
        """The line in that language, in a template's own words if it has some."""
        if isinstance(own, str) and own.strip():
            return own
        if isinstance(own, Mapping) and (words := _in_language(own, language)):
            return words
        return _in_language(self.by_language, language) or self.line


def completed(text: FirstText, line: str) -> Completed:
    """What the text comes to with the line. Raises Refused where there is no room for it."""
    if line in text.message_content:
        return Completed(id=text.id, line="", segments=_segments(text, text.message_content))
    body = below(text.message_content, line)
    if len(body) > MAX_BODY:
        raise Refused(
            f"It is the first text to its number, and has {len(body):,} characters with the "
            f"opt-out line: shorten it, so that it has {MAX_BODY:,} or fewer."
        )
    return Completed(id=text.id, line=line, segments=_segments(text, body))


def below(body: str, line: str) -> str:
    """The text with the line, as `messaging.add_opt_out_lines` puts them together."""
    return f"{body}\n{line}" if body else line


def checked(value: object, name: str) -> object:
    """What a template says of the line, if it may say that. Raises Refused."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and value:
        return {
            str(language): _words(words, f"{name} {language}") for language, words in value.items()
        }
    if isinstance(value, str):
        return _words(value, name)
    raise Refused(
        f"{name} is none of true, false, a text such as {_EXAMPLE}, and an object of texts by "
        "language: give one of them."
    )


def _words(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST or "\0" in value:
        raise Refused(
            f"{name[:60]} is no line: give a text of 1 to {LONGEST} characters, such as {_EXAMPLE}."
        )
    return value.strip()


def _in_language(lines: Mapping[str, object], language: str) -> str | None:
    """What SQL has stored may be anything: only words are a line."""
    tags = {
        folded(tag): line for tag, line in lines.items() if isinstance(line, str) and line.strip()
    }
    return tags.get(chosen(language, tags))


def _segments(text: FirstText, body: str) -> int:
    return 1 if text.has_media else count(body).parts
