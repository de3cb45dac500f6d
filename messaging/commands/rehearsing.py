"""A trial of an import: everything is checked as for real, and nothing is handed over."""

from collections.abc import Sequence

from messaging.domain.draft import Draft, TemplateSource, prepare
from messaging.errors import Refused
from messaging.postgres import messages
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Enqueued


def rehearse(conn: Postgres, default_region: str | None, drafts: Sequence[Draft]) -> list[Enqueued]:
    """`valid` or `refused` for each draft, in order. Duplicates are not looked for."""
    wanted = {str(draft.template) for draft in drafts if draft.template is not None}
    templates = {name: messages.template(conn, name) for name in wanted}
    return [
        _tried(position, draft, templates.get(str(draft.template)), default_region)
        for position, draft in enumerate(drafts, start=1)
    ]


def _tried(
    position: int, draft: Draft, template: TemplateSource | None, default_region: str | None
) -> Enqueued:
    try:
        prepare(draft, template, default_region)
    except Refused as refusal:
        return Enqueued(position=position, id=None, result="refused", reason=str(refusal))
    return Enqueued(position=position, id=None, result="valid", reason=None)
