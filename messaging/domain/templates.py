"""Templates: a source that is checked and compiled, and what it makes of variables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from jinja2 import Template as Compiled
from jinja2 import UndefinedError

from messaging.domain.grammar import ENVIRONMENT, names_in, parsed
from messaging.domain.job import MAX_BODY
from messaging.domain.variables import LONGEST
from messaging.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A source that has been checked and compiled, and the names of its variables, in order."""

    source: str
    variables: tuple[str, ...]
    compiled: Compiled

    def render(self, variables: Mapping[str, object]) -> str:
        """The text with each value as it is, never escaped and never rendered again.

        Raises Refused, naming the variable, where one is missing or is no text, number or
        boolean, and where the text comes to more than 1,600 characters.
        """
        for name in self.variables:
            if name in variables:
                _check_value(name, variables[name])
        # What Template.generate does without its second generator and its tracebacks: 3 us a text.
        context = self.compiled.new_context(dict(variables), shared=True)
        try:
            return _joined(self.compiled.root_render_func(context))
        except UndefinedError as error:
            raise Refused(str(error)) from None
        except (TypeError, ValueError, ArithmeticError, AssertionError) as error:
            raise Refused(f"The template does not work with these variables: {error}.") from None


@lru_cache(maxsize=1024)
def compile_template(source: str, *, gsm7: bool = False) -> Template:
    """The template of a source; Refused gives the line and what is wrong there.

    With `gsm7` its own texts are replaced by their twins; values are the caller's matter.
    """
    tree = parsed(source, gsm7=gsm7)
    variables = tuple(sorted(names_in(tree)))
    return Template(source=source, variables=variables, compiled=ENVIRONMENT.from_string(tree))


def _check_value(name: str, value: object) -> None:
    if not isinstance(value, str | int | float | Decimal):
        raise Refused(
            f"The variable {name!r} is {_kind(value)}: give a text, a number, true or false."
        )
    if isinstance(value, str) and len(value) > LONGEST:
        raise Refused(
            f"The variable {name!r} has {len(value):,} characters: give {LONGEST:,} or fewer."
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
