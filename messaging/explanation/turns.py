"""With whom a message that waits takes turns, in a sentence."""

from messaging.domain.wording import at_least
from messaging.postgres.queues import MOST_CAMPAIGNS, Turn


def turns(turn: Turn | None) -> str:
    """Why others that came later may go out before it; empty where it waits for no turn."""
    if turn is None or turn.campaigns < 2:
        return ""
    campaigns = at_least(turn.campaigns, has_more=turn.campaigns >= MOST_CAMPAIGNS)
    waiting = at_least(turn.entries, has_more=turn.has_more)
    own = f"Campaign {turn.campaign}" if turn.campaign else "What has no campaign"
    return (
        f" {campaigns} campaigns take turns there, a text each. {own} is one of them, and has "
        f"{waiting} waiting."
    )


def ahead(in_lane: int, turn: Turn | None) -> int:
    """How many texts may go out before it: of each other campaign no more than its own has."""
    if turn is None or turn.has_more or turn.campaigns >= MOST_CAMPAIGNS:
        return in_lane
    return min(in_lane, turn.entries * turn.campaigns)
