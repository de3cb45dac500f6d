"""One text's request, and what came of it: an answer, whatever happens."""

import asyncio
from collections.abc import Callable
from functools import partial

from messaging.domain.answers import Answer, Outgoing
from messaging.twilio import classify
from messaging.twilio.api import Api
from messaging.twilio.ear import Ear
from messaging.twilio.parameters import NeedsMessagingService, Sender
from messaging.twilio.reply import Reply
from messaging.twilio.stages import Brake, Failed, Progress

Then = Callable[[Answer], None]


class Sending:
    """Use it in one loop only. A text that finds a connection costs no task: what follows its reply
    is done in the turn of the loop in which that is read, while all of it is still in the cache.
    """

    def __init__(self, api: Api, sender: Sender, ear: Ear, brake: Brake | None) -> None:
        """`brake` is asked about each text right before it is written."""
        self._api = api
        self._sender = sender
        self._ear = ear
        self._brake = brake

    def send(self, text: Outgoing, then: Then, urgent: bool) -> None:
        """Have a text sent; `then` gets its one answer, after this has returned. Raises nothing."""
        progress = Progress(
            write_before=text.write_before, claimed_at=text.claimed_at, brake=self._brake
        )
        self._ear.expect(progress, text.generations)
        end = partial(self._end, text, progress, then)
        try:
            self._api.create(self._sender.form(text), progress, end, urgent=urgent)
        except Exception as error:  # noqa: BLE001 - an answer for each
            asyncio.get_running_loop().call_soon(end, error)

    def _end(
        self, text: Outgoing, progress: Progress, then: Then, came: Reply | BaseException
    ) -> None:
        answer: Answer
        if isinstance(came, Reply):
            try:
                answer = classify.answer(came.status, came.headers, came.text)
                self._ear.hear(progress, answer)
            except Exception as error:  # noqa: BLE001 - an answer for each
                answer = classify.unexpected(progress.stage, error)
        elif isinstance(came, Failed):
            answer = classify.failure(came.stage, came.reason, text.late_wait)
        elif isinstance(came, NeedsMessagingService):
            answer = classify.misconfigured(str(came))
        else:
            answer = classify.unexpected(progress.stage, came)
        self._ear.forget(progress)
        then(answer)
