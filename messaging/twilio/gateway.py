"""The one way to Twilio: send, cancel, delete, fetch, find, history, check."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from messaging.domain.answers import (
    Canceling,
    Deleting,
    Listed,
    NotSent,
    Outgoing,
    Unanswered,
)
from messaging.domain.job import Phone, Sid
from messaging.domain.silence import Sound
from messaging.errors import Misconfigured
from messaging.settings import Settings
from messaging.twilio import arrivals, checks, classify, history, questions, sockets
from messaging.twilio.api import Api
from messaging.twilio.checks import Checked, Finding
from messaging.twilio.ear import Ear, Tell
from messaging.twilio.groups import Answered, Groups
from messaging.twilio.lanes import Book, Lanes
from messaging.twilio.loop_thread import LoopThread
from messaging.twilio.parameters import Sender
from messaging.twilio.room import Room, Rooms
from messaging.twilio.sending import Sending
from messaging.twilio.stages import PROGRESS, Brake, Progress

T = TypeVar("T")


class Closed(Exception):
    """The gateway has been closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What one process has to send with."""

    loop: LoopThread
    api: Api
    lanes: Lanes


class Gateway:
    """Twilio, for all threads of one process. It opens connections when they are first needed.

    No method raises for what Twilio says or fails to say, nor for missing settings: the answer
    says it. `tls` replaces the system's certificates, e.g. with those of a proxy.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        tls: ssl.SSLContext | None = None,
        brake: Brake | None = None,
        tell: Tell = lambda _: None,
        book: Book | None = None,
    ) -> None:
        """`brake` is asked about each text right before it is written; `tell` is told, in any
        thread, where Twilio has fallen silent, and where it answers after all; `book` gets
        the slots of a limit."""
        self._settings = settings
        self._brake = brake
        self._tell = tell
        self._book = book
        self._tls = tls
        self._sender = Sender.of(settings)
        self._opening = threading.Lock()
        self._line: _Line | None = None
        self._closed = False
        self._rooms = Rooms(self._claimable)

    def __repr__(self) -> str:
        return f"Gateway(account={self._settings.twilio_account_sid!r})"

    def send(
        self, messages: Sequence[Outgoing], *, urgent: bool = False
    ) -> Iterator[Sequence[Answered]]:
        """Start sending all messages now; the answers come in groups, as they arrive.

        Every message gets exactly one answer. Urgent ones go before others that wait for their
        turn. A caller that stops iterating stops nothing: requests under way run to their end.
        """
        groups = Groups(messages, urgent=urgent)
        try:
            line = self._open()
            line.loop.call(line.lanes.add, groups)
        except Misconfigured as error:
            groups.put_all(classify.misconfigured(str(error)))
            return groups.read(lambda: True)
        except (Closed, RuntimeError):
            groups.put_all(NotSent(reason="The gateway is closed.", costs_retry=False))
            return groups.read(lambda: True)
        return groups.read(lambda: line.loop.alive)

    def ready(self, count: int) -> None:
        """Have so many connections wait for texts that begin at a certain time; where that fails,
        their answers say so. Returns within the time that connecting may take."""
        self._ask(lambda api: api.ready(count))

    def room(self, texts: int) -> AbstractContextManager[Room]:
        """Room for so many texts, or for fewer where Twilio takes no more at once."""
        return self._rooms.taken(texts)

    @property
    def is_crowded(self) -> bool:
        """Whether Twilio takes fewer at once than it might be given."""
        return self._claimable() is not None

    def cancel(self, sids: Sequence[Sid]) -> Sequence[Canceling]:
        """Ask Twilio not to send messages that it keeps for later, side by side; safe to repeat."""
        if not sids:
            return []
        answers = self._ask(lambda api: questions.cancel_all(api, sids))
        return [Canceling.UNANSWERED] * len(sids) if isinstance(answers, Unanswered) else answers

    def delete(self, sids: Sequence[Sid]) -> Sequence[Deleting]:
        """Ask Twilio to delete its records of messages, with their media; safe to repeat."""
        if not sids:
            return []
        answers = self._ask(lambda api: questions.delete_all(api, sids))
        return [Deleting.UNANSWERED] * len(sids) if isinstance(answers, Unanswered) else answers

    def fetch(self, sid: Sid) -> Listed | Unanswered | None:
        """A message as Twilio has it; None if Twilio says that there is no such message."""
        return self._ask(lambda api: questions.fetch(api, sid))

    def find(self, to: Phone, since: datetime) -> tuple[Listed, ...] | Unanswered:
        """Every outbound message to `to` that Twilio created since then, or Unanswered.

        `since` is compared with Twilio's clock, in whole seconds: leave room for a difference.
        """
        return self._ask(lambda api: questions.find(api, to, since))

    def history(self, since: datetime) -> Iterator[tuple[Listed, ...] | Unanswered]:
        """Every outbound message that Twilio created since then, in parts, perhaps some twice.

        Unanswered comes last, if at all: then the list is not whole. A part is asked for when
        the caller wants it, patiently: half a minute may pass before Unanswered.
        """
        return history.pages(self._ask, since)

    def numbers(self) -> tuple[str, ...] | Unanswered:
        """The numbers that people may answer to."""
        return self._ask(lambda api: arrivals.numbers(api, self._settings))

    def arrivals(self, number: str, since: datetime) -> Iterator[tuple[Listed, ...] | Unanswered]:
        """Texts to a number of ours that were sent since then, newest first, in parts.

        Unanswered comes last, if at all: then not all were seen.
        """
        return arrivals.pages(self._ask, number, since)

    def check(self) -> Checked:
        """Whether the credentials and the sender work; nothing is sent."""
        answer = self._ask(lambda api: checks.check(api, self._settings))
        if isinstance(answer, Unanswered):
            no = Finding(ok=False, why=answer.reason)
            return Checked(account=no, sender=no)
        return answer

    def close(self) -> None:
        """Let requests under way end, then let go of everything. Later sends are not sent."""
        with self._opening:
            self._closed = True
            line, self._line = self._line, None
        if line is not None and line.loop.alive:
            line.loop.wait_for(_finish(line))
            line.loop.stop()

    def _open(self) -> "_Line":
        """The line of this process. Raises Misconfigured, Closed."""
        with self._opening:
            if self._closed:
                raise Closed
            if self._line is None or not self._line.loop.alive:
                sockets.allow(self._settings.in_flight)
                api = Api(self._settings, self._tls)
                patience = self._settings.patience_within(self._settings.read_timeout)
                ear = Ear(patience, self._tell_aside)
                sending = Sending(api, self._sender, ear, self._brake)
                lanes = Lanes(self._settings.in_flight, sending.send, self._book)
                self._line = _Line(loop=LoopThread("twilio"), api=api, lanes=lanes)
            return self._line

    def _claimable(self) -> int | None:
        line = self._line
        return line.lanes.claimable if line else None

    def _tell_aside(self, sound: Sound) -> None:
        # Not in the loop's own threads: those may all be looking up a host name.
        threading.Thread(target=self._tell, args=(sound,), name="silence", daemon=True).start()

    def _ask(self, question: Callable[[Api], Awaitable[T]]) -> T | Unanswered:
        try:
            line = self._open()
        except Misconfigured as error:
            return Unanswered(reason=str(error))
        except Closed:
            return Unanswered(reason="The gateway is closed.")
        return line.loop.wait_for(_undated(question, line.api))


async def _undated(question: Callable[[Api], Awaitable[T]], api: Api) -> T:
    """A question does no harm however late it is asked, and may take several pages."""
    PROGRESS.set(Progress())
    return await question(api)


async def _finish(line: _Line) -> None:
    """Wait for all other tasks of this loop; each ends by itself, within its timeouts."""
    await line.lanes.end()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)
    await line.api.close()
