"""Repeats: what a file has said before. Pure; what the table has, Postgres knows."""

import json
from uuid import UUID

from messaging.domain.draft import Prepared
from messaging.domain.plan import Refusal, Skip, Why


class Repeats:
    """The keys and contents of rows that became messages, as hashes: some bytes a row."""

    def __init__(self) -> None:
        self._keys: dict[int, int] = {}
        self._contents: set[int] = set()

    def find(self, draft: Prepared, content: UUID | None) -> Refusal | Skip | None:
        """What an earlier row makes of this one. `content` is its content key, if it has one.

        What it says under a key that is taken decides, as `messaging.says_the_same` does in SQL.
        """
        key = draft.idempotency_key
        if key is not None and (said := self._keys.get(hash(key))) is not None:
            if said == _said(draft):
                return Skip(why=Why.DUPLICATE, reason="An earlier row has the same key.")
            return Refusal(
                reason=f"idempotency_key {key!r} already belongs to an earlier row, which says "
                "something else: use a new key."
            )
        if content is not None and content.int in self._contents:
            return Skip(
                why=Why.DUPLICATE, reason="An earlier row says the same to the same number."
            )
        return None

    def keep(self, draft: Prepared, content: UUID | None) -> None:
        """Remembers a row that becomes a message."""
        if draft.idempotency_key is not None:
            self._keys[hash(draft.idempotency_key)] = _said(draft)
        if content is not None:
            self._contents.add(content.int)


def _said(draft: Prepared) -> int:
    says = draft.message_content
    if draft.template_id is not None:
        says = json.dumps(dict(draft.template_vars), sort_keys=True)
    return hash((draft.recipient_phone, draft.template_id, says, draft.media_urls))
