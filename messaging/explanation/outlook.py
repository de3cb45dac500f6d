"""Whether a message that waits for its turn can be in time, in a sentence."""

from datetime import datetime, timedelta

from messaging.domain.wording import count, span
from messaging.postgres.messages import Message


def outlook(message: Message, now: datetime, ahead: int, sends_per_second: float | None) -> str:
    """What its deadline is worth behind `ahead` texts at a rate limit; empty where it has time.

    It is reckoned with all that waits in its lane, as if it came last.
    """
    if message.status != "pending" or message.expires_at is None or not sends_per_second:
        return ""
    wait = timedelta(seconds=ahead / sends_per_second)
    if now + wait <= message.expires_at:
        return ""
    return (
        f" {count(ahead, 'text')} in its lane take {span(wait)} at the rate limit: it may expire "
        "before its turn."
    )
