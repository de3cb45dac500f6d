"""Caps as the functions in SQL take them."""

from psycopg.types.json import Jsonb

from messaging.domain.caps import Caps


def given(caps: Caps | None) -> Jsonb | None:
    """The caps as JSON; null where there are none, which costs nothing there."""
    return Jsonb(caps.row()) if caps else None
