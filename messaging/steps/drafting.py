"""Makes drafts into what can be stored, each alone; their templates are read once."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from messaging.domain.destinations import Destinations
from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare
from messaging.domain.first_lines import check_room
from messaging.domain.opt_out_line import OptOutLines
from messaging.errors import Refused
from messaging.postgres import messages
from messaging.postgres.jobs import Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """Drafts by their positions: those that can be stored, and why the others cannot."""

    prepared: Mapping[int, Prepared]
    refused: Mapping[int, str]


def prepare_all(
    drafts: Mapping[int, Draft],
    default_region: str | None,
    destinations: Destinations,
    lines: OptOutLines,
    connection: Callable[[], AbstractContextManager[Postgres]],
) -> Drafted:
    """Prepares each of them alone; over such a connection, their templates are read.

    Of each text that may be a first one, it is asked whether there is room for one of `lines`.
    """
    templates = _templates(drafts.values(), connection)
    prepared: dict[int, Prepared] = {}
    refused: dict[int, str] = {}
    for position, draft in drafts.items():
        template = None if draft.template is None else templates.get(str(draft.template))
        try:
            ready = prepare(draft, template, default_region, destinations)
            check_room(ready, template, lines)
            prepared[position] = ready
        except Refused as refusal:
            refused[position] = str(refusal)
    return Drafted(prepared=prepared, refused=refused)


def _templates(
    drafts: Iterable[Draft], connection: Callable[[], AbstractContextManager[Postgres]]
) -> Mapping[str, TemplateSource]:
    """The templates that these drafts name, each read once."""
    wanted = {str(draft.template) for draft in drafts if draft.template is not None}
    if not wanted:
        return {}
    with connection() as conn:
        found = {name: messages.template(conn, name) for name in wanted}
    return {name: template for name, template in found.items() if template is not None}
