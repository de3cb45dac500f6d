"""The grammar of templates: a small part of Jinja2, judged by what is allowed and never run here.

Jinja2's own sandbox bounds neither memory nor time (`{{ 'a' * 10**8 }}` makes 100 MB), and has had
escapes. So a source is parsed, and may have only what is listed here: nothing that loops, calls,
multiplies or reaches into an object is on the list.
"""

from collections.abc import Iterator
from itertools import islice

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.utils import missing

from messaging.domain import moments
from messaging.domain.twins import with_twins
from messaging.errors import Refused

MAX_SOURCE = 4096
"""Characters of a template's source."""
FILTERS = ("capitalize", "date", "default", "lower", "title", "trim", "truncate", "upper")
"""Filters that make a text hardly longer than it was: Jinja2's, and `date`."""
MAX_WORDS = 1000
"""Names, numbers, signs and braces in a source."""
_TESTS = ("defined",)
_LARGEST = 10**15
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
    environment.filters["date"] = moments.shown
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.policies["truncate.leeway"] = 0
    return environment


ENVIRONMENT = _environment()


def parsed(source: str, *, gsm7: bool = False) -> nodes.Template:
    """The tree of a source in which everything is allowed; Refused gives the line and what is not.

    With `gsm7` the texts in it are replaced by their twins.
    """
    if len(source) > MAX_SOURCE:
        raise Refused(
            f"The template has {len(source):,} characters: shorten it to {MAX_SOURCE:,} or fewer."
        )
    tree = _parse(source)
    for node in _allowed(tree):
        if gsm7 and isinstance(node, nodes.TemplateData):
            node.data = with_twins(node.data)
        elif gsm7 and isinstance(node, nodes.Const) and isinstance(node.value, str):
            node.value = with_twins(node.value)
    return tree


def names_in(tree: nodes.Template) -> frozenset[str]:
    """The variables that a tree uses, those with a default included."""
    return frozenset(node.name for node in tree.find_all(nodes.Name))


def _parse(source: str) -> nodes.Template:
    try:
        _check_words(source)
        return ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise _wrong(error.lineno, (error.message or "it cannot be read").rstrip(".")) from None
    except RecursionError:
        raise _wrong(1, "too many parentheses or conditions inside each other") from None


def _check_words(source: str) -> None:
    """Before anything is made of them: thousands take the parser a fifth of a second."""
    words = (
        line for line, kind, _ in ENVIRONMENT.lex(source) if kind not in ("data", "whitespace")
    )
    if line := next(islice(words, MAX_WORDS, None), None):
        raise _wrong(line, f"more than {MAX_WORDS:,} words and signs within braces")


def _allowed(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Each node of a tree, once it has been checked."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        _check_node(node)
        if depth > _MAX_DEPTH:
            raise _wrong(node.lineno, "too many conditions or filters inside each other")
        yield node
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check_node(node: nodes.Node) -> None:
    if type(node) not in _ALLOWED:
        raise _wrong(
            node.lineno, f"{_words_for(node)} not allowed; use plain names, if and comparisons"
        )
    if isinstance(node, nodes.Filter):
        _check_filter(node)
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise _wrong(node.lineno, f"no test {node.name!r}; there is {', '.join(_TESTS)}")
    if isinstance(node, nodes.Name) and node.name == "self":
        raise _wrong(node.lineno, "'self' has a meaning of its own; choose another name")
    if isinstance(node, nodes.Const):
        _check_size(node)
    if isinstance(node, nodes.Output):
        _check_printed(node)


def _check_size(node: nodes.Const) -> None:
    """Refuse what may have more digits than Python would print, in hexadecimal for instance."""
    if isinstance(node.value, int | float) and abs(node.value) > _LARGEST:
        raise _wrong(node.lineno, "a number that is too large")


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        raise _wrong(node.lineno, f"no filter {node.name!r}; there are {', '.join(FILTERS)}")
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _wrong(node.lineno, f"* is not allowed within {node.name}")
    if node.name == "date":
        form = node.args[0] if node.args and not node.kwargs else None
        if not isinstance(form, nodes.Const) or not moments.is_form(form.value):
            raise _wrong(node.lineno, f"date takes a form in quotes, made of {moments.DIRECTIVES}")


def _words_for(node: nodes.Node) -> str:
    for kind, words in _REFUSED_WORDS:
        if isinstance(node, kind):
            return words
    return f"{{% {type(node).__name__.lower()} %}} is"


def _check_printed(output: nodes.Output) -> None:
    """Refuse `{{ 1 }}`: in Twilio's content templates a variable, here it would print `1`."""
    for printed in output.nodes:
        if isinstance(printed, nodes.Const) and not isinstance(printed.value, str):
            _check_size(printed)
            raise _wrong(printed.lineno, f"{{{{ {printed.value} }}}} names no variable; use a name")


def _wrong(line: int, reason: str) -> Refused:
    return Refused(f"The template is wrong in line {line}: {reason}.")
