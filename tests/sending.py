"""What stands in for Twilio behind lanes."""

import asyncio
from collections.abc import Awaitable, Callable

from messaging.domain.answers import Answer, Outgoing


def told(
    send: Callable[[Outgoing], Awaitable[Answer]],
) -> Callable[[Outgoing, Callable[[Answer], None], bool], None]:
    """What lanes send with, for what waits for an answer."""
    tasks = set[asyncio.Future[Answer]]()

    def begin(text: Outgoing, then: Callable[[Answer], None], _urgent: bool) -> None:
        task = asyncio.ensure_future(send(text))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda done: then(done.result()))

    return begin
