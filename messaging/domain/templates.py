"""Templates: a small part of Jinja2 that turns a source and its variables into a text.

Jinja2's own sandbox bounds neither memory nor time (`{{ 'a' * 10**8 }}` makes 100 MB), so a source
is parsed first and may have only what is listed here: nothing that loops, calls, multiplies or
reaches into an object is on the list.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2 import Template as Compiled
from jinja2.utils import missing

from messaging.domain.job import MAX_BODY
from messaging.errors import Refused

MAX_SOURCE = 4096
"""Characters of a template's source."""
FILTERS = ("capitalize", "default", "lower", "title", "trim", "truncate", "upper")
"""Jinja2's filters that make a text hardly longer than it was."""
_TESTS = ("defined",)
_MAX_DEPTH = 25
"""Far more than a text needs, far less than Python's compiler can take."""

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Filter,
    nodes.Keyword,
    nodes.Test,
)
_REFUSED_WORDS: tuple[tuple[type[nodes.Node], str], ...] = (
    (nodes.Getattr, "a dot or a key after a name is"),
    (nodes.Getitem, "a dot or a key after a name is"),
    (nodes.Call, "calls are"),
    (nodes.For, "loops are"),
    (nodes.Assign, "{% set %} is"),
    (nodes.BinExpr, "arithmetic is"),
    (nodes.Concat, "~ is"),
    (nodes.CondExpr, "an if inside {{ }} is"),
    (nodes.Literal, "lists are"),
)


class _Missing(StrictUndefined):
    """A variable that was not given; to use it raises UndefinedError with our sentence."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: object = missing,
        name: str | None = None,
        exc: type[UndefinedError] = UndefinedError,
    ) -> None:
        sentence = f"The template needs the variable {name!r}, which was not given: add it."
        super().__init__(hint or sentence, obj, name, exc)


def _environment() -> Environment:
    environment = Environment(
        autoescape=False,  # noqa: S701 - a text message is no HTML
        undefined=_Missing,
        keep_trailing_newline=True,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.policies["truncate.leeway"] = 0
    return environment


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A source that has been checked and compiled, and the names of its variables."""

    source: str
    variables: frozenset[str]
    compiled: Compiled

    def render(self, variables: Mapping[str, object]) -> str:
        """The text with each value as it is, never escaped and never rendered again.

        Raises Refused, naming the variable, where one is missing or is no text, number or
        boolean, and where the text comes to more than 1,600 characters.
        """
        for name in sorted(self.variables & variables.keys()):
            _check_value(name, variables[name])
        try:
            return _joined(self.compiled.generate(variables))
        except UndefinedError as error:
            raise Refused(str(error)) from None
        except (TypeError, ValueError, ArithmeticError, AssertionError) as error:
            raise Refused(f"The template does not work with these variables: {error}.") from None


@lru_cache(maxsize=1024)
def compile_template(source: str) -> Template:
    """The template of a source; Refused gives the line and what is wrong there."""
    if len(source) > MAX_SOURCE:
        raise Refused(
            f"The template has {len(source):,} characters: shorten it to {MAX_SOURCE:,} or fewer."
        )
    tree = _parse(source)
    variables = frozenset(_checked_names(tree))
    return Template(source=source, variables=variables, compiled=_ENVIRONMENT.from_string(tree))


def render(source: str, variables: Mapping[str, object]) -> str:
    """The text that a source makes of its variables; raises Refused as `Template.render` does."""
    return compile_template(source).render(variables)


def variables_of(source: str) -> frozenset[str]:
    """The names that a source uses, those with a default included."""
    return compile_template(source).variables


def _parse(source: str) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise _wrong(error.lineno, (error.message or "it cannot be read").rstrip(".")) from None
    except RecursionError:
        raise _wrong(1, "too many parentheses or conditions inside each other") from None


def _checked_names(tree: nodes.Template) -> Iterator[str]:
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        _check_node(node)
        if depth > _MAX_DEPTH:
            raise _wrong(node.lineno, "too many conditions or filters inside each other")
        if isinstance(node, nodes.Name):
            yield node.name
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check_node(node: nodes.Node) -> None:
    if type(node) not in _ALLOWED:
        raise _wrong(
            node.lineno, f"{_words_for(node)} not allowed; use plain names, if and comparisons"
        )
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise _wrong(node.lineno, f"no filter {node.name!r}; there are {', '.join(FILTERS)}")
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise _wrong(node.lineno, f"no test {node.name!r}; there is {', '.join(_TESTS)}")
    if isinstance(node, nodes.Name) and node.name == "self":
        raise _wrong(node.lineno, "'self' has a meaning of its own; choose another name")
    if isinstance(node, nodes.Const) and node.value == inf:
        raise _wrong(node.lineno, "a number that is too large")
    if isinstance(node, nodes.Output):
        _check_printed(node)


def _words_for(node: nodes.Node) -> str:
    for kind, words in _REFUSED_WORDS:
        if isinstance(node, kind):
            return words
    return f"{{% {type(node).__name__.lower()} %}} is"


def _check_printed(output: nodes.Output) -> None:
    """Refuse `{{ 1 }}`: in Twilio's content templates a variable, here it would print `1`."""
    for printed in output.nodes:
        if isinstance(printed, nodes.Const) and not isinstance(printed.value, str):
            raise _wrong(printed.lineno, f"{{{{ {printed.value} }}}} names no variable; use a name")


def _check_value(name: str, value: object) -> None:
    if not isinstance(value, str | int | float):
        raise Refused(
            f"The variable {name!r} is {_kind(value)}: give a text, a number, true or false."
        )


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else f"a {type(value).__name__}"


def _joined(pieces: Iterable[str]) -> str:
    """One text of the pieces; stops as soon as it is too long, whatever the rest would be."""
    kept: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > MAX_BODY:
            raise Refused(
                f"The text comes to more than {MAX_BODY:,} characters with these variables: "
                "shorten the template or the variables."
            )
        kept.append(piece)
    return "".join(kept)


def _wrong(line: int, reason: str) -> Refused:
    return Refused(f"The template is wrong in line {line}: {reason}.")
