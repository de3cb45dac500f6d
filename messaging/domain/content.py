"""Content: all that one version of a template says, and the messages that it makes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from messaging.domain import fields
from messaging.domain.category import Category
from messaging.domain.declarations import RESERVED, declared
from messaging.domain.grammar import names_in, parsed
from messaging.domain.templates import Template, compile_template
from messaging.domain.twins import with_twins
from messaging.domain.variables import Variable
from messaging.errors import Refused

MOST_LANGUAGES = 30


@dataclass(frozen=True, kw_only=True)
class Content:
    """The columns of a template that make texts of it, by their names.

    `texts` has the text in other languages than `language`, which is that of `content_template`.
    """

    content_template: str
    template_vars: Mapping[str, object] = field(default_factory=dict)
    language: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    media_urls: Sequence[str] = ()
    category: Category = Category.TRANSACTIONAL
    gsm7: bool = False

    @cached_property
    def declared(self) -> Mapping[str, Variable]:
        """The variables that are declared, by name. Raises Refused."""
        return declared(self.variables, gsm7=self.gsm7)

    def sources(self) -> dict[str, str]:
        """Its texts by their languages, first that of all others, whose language may be none."""
        return {self.language or "": self.content_template, **self.texts}

    def names(self) -> frozenset[str]:
        """The variables that it uses. Raises Refused where one of its sources cannot be read."""
        sources = (*self.sources().values(), *self.media_urls)
        return frozenset[str]().union(*(names_in(parsed(source)) for source in sources))

    def render(self, variables: Mapping[str, object]) -> "Rendered":
        """What it makes of these variables and its own. Raises Refused with what is wrong."""
        given = self._values({**self.template_vars, **variables})
        text = fields.text(self._template(self._source(given)).render(given), "text")
        if not self.media_urls:
            return Rendered(text=text)
        media = [self._template(source).render(given) for source in self.media_urls]
        return Rendered(text=text, media_urls=fields.media_urls(media))

    def check_names(self, names: frozenset[str]) -> None:
        """Raises Refused where variables are declared, and one of these is not among them."""
        unknown = names - self.declared.keys() - {RESERVED}
        if self.declared and unknown:
            raise Refused(
                f"{', '.join(sorted(unknown))} is not among the variables: declare it, or check "
                "how it is written."
            )

    def _source(self, given: Mapping[str, object]) -> str:
        language = given.get(RESERVED)
        if not self.texts or not isinstance(language, str):
            return self.content_template
        return self._texts.get(chosen(language, self._texts), self.content_template)

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        return {folded(language): text for language, text in self.sources().items()}

    def _values(self, given: Mapping[str, object]) -> Mapping[str, object]:
        if self.gsm7:
            given = {
                name: with_twins(value) if isinstance(value, str) else value
                for name, value in given.items()
            }
        if not self.declared:
            return given
        known = self.declared
        return {
            name: known[name].value(value) if name in known else value
            for name, value in given.items()
        }

    def _template(self, source: str) -> Template:
        known = self._compiled.get(source)
        if known is not None:
            return known
        template = compile_template(source, gsm7=self.gsm7)
        self.check_names(frozenset(template.variables))
        self._compiled[source] = template
        return template

    @cached_property
    def _compiled(self) -> dict[str, Template]:
        """The templates of the sources that were rendered: looked up for each message."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a template makes of some variables."""

    text: str
    media_urls: tuple[str, ...] = ()


def read(written: Mapping[str, object]) -> Content:
    """The content in a JSON object with the columns' names; raises Refused for what it cannot be.

    Whether its texts are well-formed shows when they are used; `domain.linting` looks at all.
    """
    texts = _object(written, "texts")
    if len(texts) > MOST_LANGUAGES:
        raise Refused(f"There are {len(texts)} texts: give {MOST_LANGUAGES} or fewer.")
    language = written.get("language")
    gsm7 = written.get("gsm7", False)
    if not isinstance(gsm7, bool):
        raise Refused("gsm7 is neither true nor false: give one of them.")
    return Content(
        content_template=fields.text(written.get("content_template"), "content_template"),
        template_vars=_object(written, "template_vars"),
        language=None if language is None else _language(language),
        texts={_language(name): fields.text(text, f"texts {name}") for name, text in texts.items()},
        variables=_object(written, "variables"),
        media_urls=_addresses(written.get("media_urls") or ()),
        category=_category(written.get("category", Category.TRANSACTIONAL)),
        gsm7=gsm7,
    )


@lru_cache(maxsize=1024)
def content_of(written: str) -> Content:
    """The content in a JSON text, as `messaging.template_versions` keeps it; Refused as `read`."""
    return read(columns_of(written))


def columns_of(written: str) -> Mapping[str, object]:
    """The object in such a JSON text; Refused where Python cannot read what Postgres could."""
    try:
        said: Mapping[str, object] = json.loads(written)
    except (ValueError, RecursionError):
        raise Refused("What the template says cannot be read: it is too deep.") from None
    return said


def folded(language: str) -> str:
    """The tag as tags are compared."""
    return language.replace("_", "-").lower()


def chosen(language: str, texts: Mapping[str, str]) -> str:
    """The longest beginning of the tag that there is a text for; RFC 4647, 3.4, "Lookup"."""
    tag = folded(language)
    while tag and tag not in texts:
        tag = tag.rpartition("-")[0]
    return tag


def _object(written: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = written.get(name)
    return fields.json_object({} if value is None else value, name)  # type: ignore[arg-type]


def _addresses(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > fields.MAX_MEDIA:
        raise Refused(f"media_urls is no list of {fields.MAX_MEDIA} addresses or fewer.")
    return tuple(fields.text(url, "One of the media_urls") for url in value)


def _category(value: object) -> Category:
    try:
        return Category(value)  # type: ignore[arg-type]
    except ValueError:
        raise Refused(f"category is none of {', '.join(Category)}: give one of them.") from None


def _language(value: object) -> str:
    """The tag, in the letters that it has. BCP 47 has more of them than this looks at."""
    parts = value.split("-") if isinstance(value, str) else [""]
    if 2 <= len(parts[0]) <= 8 and all(p.isascii() and p.isalnum() and len(p) <= 8 for p in parts):
        return "-".join(parts)
    raise Refused(f"{str(value)[:40]!r} is no language: write it like de or de-AT.")
