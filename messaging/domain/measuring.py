"""Measuring: the bound of all texts that a template can make, read off its tree."""

from collections.abc import Callable, Iterable, Mapping

from jinja2 import nodes

from messaging.domain import moments
from messaging.domain.bounds import NOTHING, Bound, one_of
from messaging.domain.job import MAX_BODY
from messaging.domain.variables import Variable

Variables = Mapping[str, Variable]

_ANYTHING = Bound.up_to(MAX_BODY)
"""What a variable that nobody declared may print: more cannot be sent."""
_BOOL = Bound.of("True") | Bound.of("False")


def bound_of(tree: nodes.Template, variables: Variables) -> Bound:
    """The bound of a checked tree's texts with any values that its variables take."""
    return _all_of(tree.body, variables)


def always_says(tree: nodes.Template, says: Callable[[str], bool]) -> bool:
    """Whether a text of the template itself is one of these, whichever conditions are true."""
    return _says(tree.body, says)


def _all_of(body: Iterable[nodes.Node], variables: Variables) -> Bound:
    return sum((_bound(node, variables) for node in body), start=NOTHING)


def _bound(node: nodes.Node, variables: Variables) -> Bound:
    if isinstance(node, nodes.Output):
        return _all_of(node.nodes, variables)
    if isinstance(node, nodes.If):
        return one_of(_all_of(branch, variables) for branch in _branches(node))
    if isinstance(node, nodes.TemplateData):
        return Bound.of(node.data)
    if isinstance(node, nodes.Const):
        return Bound.of(str(node.value))
    if isinstance(node, nodes.Name):
        return variables[node.name].bound() if node.name in variables else _ANYTHING
    if isinstance(node, nodes.Filter):
        return _filtered(node, variables)
    if isinstance(node, nodes.And | nodes.Or):
        return _bound(node.left, variables) | _bound(node.right, variables)
    if isinstance(node, nodes.Neg):
        # Of a number, the sign may go as well as come.
        return Bound.of_digits(1, 1) + _bound(node.node, variables).shortened(MAX_BODY)
    return _BOOL


def _branches(node: nodes.If) -> Iterable[list[nodes.Node]]:
    return [node.body, *(other.body for other in node.elif_), node.else_]


def _filtered(node: nodes.Filter, variables: Variables) -> Bound:
    # A filter without a value belongs to a block, and there are no such blocks.
    value = _bound(node.node, variables) if node.node is not None else NOTHING
    return _FILTERS[node.name](node, value, variables)


def _date(node: nodes.Filter, _: Bound, __: Variables) -> Bound:
    form = node.args[0]
    words, least, most = moments.widths(form.value if isinstance(form, nodes.Const) else "")
    return Bound.of(words) + Bound.of_digits(least, most)


def _default(node: nodes.Filter, value: Bound, variables: Variables) -> Bound:
    others = [_bound(other, variables) for other in _arguments(node)]
    return one_of([value, *(others or [NOTHING])])


def _in_another_case(_: nodes.Filter, value: Bound, __: Variables) -> Bound:
    return value.in_another_case()


def _trim(_: nodes.Filter, value: Bound, __: Variables) -> Bound:
    return value.shortened(value.most)


def _truncate(node: nodes.Filter, value: Bound, variables: Variables) -> Bound:
    """Never longer than the value was; its end, the dots or another, is of any alphabet."""
    ends = [_bound(other, variables) for other in _arguments(node)]
    return one_of([value, *(value + end for end in ends), value + Bound.of("...")]).shortened(
        min(value.most, _length(node))
    )


def _arguments(node: nodes.Filter) -> list[nodes.Expr]:
    return [*node.args, *(keyword.value for keyword in node.kwargs)]


def _length(node: nodes.Filter) -> int:
    """As many characters as truncate leaves at most, where the template says a number alone."""
    has_leeway = len(node.args) > 3 or any(keyword.key == "leeway" for keyword in node.kwargs)
    given = [*node.args[:1], *(k.value for k in node.kwargs if k.key == "length")]
    first = given[0] if given else nodes.Const(255)
    if has_leeway or not isinstance(first, nodes.Const) or not isinstance(first.value, int):
        return MAX_BODY
    return max(first.value, 0)


_FILTERS: Mapping[str, Callable[[nodes.Filter, Bound, Variables], Bound]] = {
    "capitalize": _in_another_case,
    "date": _date,
    "default": _default,
    "lower": _in_another_case,
    "title": _in_another_case,
    "trim": _trim,
    "truncate": _truncate,
    "upper": _in_another_case,
}


def _says(body: Iterable[nodes.Node], says: Callable[[str], bool]) -> bool:
    return any(_node_says(node, says) for node in body)


def _node_says(node: nodes.Node, says: Callable[[str], bool]) -> bool:
    if isinstance(node, nodes.Output):
        return _says(node.nodes, says)
    if isinstance(node, nodes.If):
        return all(_says(branch, says) for branch in _branches(node))
    return isinstance(node, nodes.TemplateData) and says(node.data)
