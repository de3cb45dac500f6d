"""A table that is filled for a measurement is like one that grew."""

from types import SimpleNamespace
from typing import cast

import psycopg

from messaging.local.bench import filling, texts
from messaging.local.bench.site import Site
from messaging.outbox import Messaging
from messaging.settings import Settings

_TEXTS = 300


def test_new_texts_share_pages_of_their_own(database_url: str, settings: Settings) -> None:
    """With one on each page among old ones, every text would cost what no real table asks."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        site = cast("Site", SimpleNamespace(connect=lambda _: conn))
        filling.fill(site, 20_000)
        Messaging(settings).enqueue_many(texts.drafts(_TEXTS))
        row = conn.execute(
            "select count(distinct split_part(ctid::text, ',', 1)) "
            "from message_jobs where status = 'pending'"
        ).fetchone()
    assert row
    assert row[0] < _TEXTS / 5
