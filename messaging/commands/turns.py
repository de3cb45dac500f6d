"""The campaigns that take turns in the normal lane, as `messaging queues` shows them."""

from collections.abc import Sequence
from datetime import timedelta

from rich.console import RenderableType
from rich.text import Text

from messaging.commands.tables import columns
from messaging.domain.wording import at_least, count, plain, span
from messaging.postgres.queues import MOST_CAMPAIGNS, Campaign

_MOST = 5
"""How many are shown; the others are counted."""


def in_turn(campaigns: Sequence[Campaign]) -> list[RenderableType]:
    """Those with the most entries and the share of each; nothing where no campaign waits."""
    if all(one.campaign is None for one in campaigns):
        return []
    table = columns("campaign", ">entries", ">oldest", ">share")
    share = f"{1 / len(campaigns):.0%}{' or less' if len(campaigns) >= MOST_CAMPAIGNS else ''}"
    for one in campaigns[:_MOST]:
        table.add_row(
            Text("none", "dim") if one.campaign is None else Text(plain(one.campaign), "bold"),
            at_least(one.entries, has_more=one.has_more),
            span(timedelta(seconds=one.oldest_age_sec)),
            share,
        )
    others = len(campaigns) - _MOST
    more = [Text(f"and {count(others, 'other')}", "dim")] if others > 0 else []
    return [table, *more, ""]
