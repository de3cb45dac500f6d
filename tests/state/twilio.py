"""Twilio as a ledger in memory: what it took, what it says of it, and what it keeps to itself."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from messaging.domain.answers import (
    Accepted,
    Answer,
    Canceling,
    Fault,
    InDoubt,
    Listed,
    NotSent,
    Outgoing,
    Rejected,
    Unanswered,
)
from messaging.domain.job import JobId, Phone, Sid
from messaging.domain.receipt import outranks
from messaging.settings import Settings
from messaging.twilio.gateway import Gateway
from messaging.twilio.groups import Answered
from messaging.twilio.room import Room
from tests.state.clock import Clock

ARRIVES_WITHIN = timedelta(seconds=25)
"""A request that is still on its way then never arrives: Twilio gives up after some 26 s."""
LAGS = timedelta(seconds=20)
"""How long a list that lags may not show a text. A request is written at most 5 s after its claim:
5 + 25 + 20 leaves 10 of the 60 s of the quiescence time for a slow machine."""
WINDOW = timedelta(seconds=300)
"""Twilio keeps no text for less than this (its error 35114)."""


class Reaction(StrEnum):
    """What comes of a request to send."""

    ACCEPTED = "accepted"
    UNSEEN = "accepted, and the answer is lost"
    LATE = "in doubt, and perhaps accepted later"
    LOST = "in doubt, and never accepted"
    REFUSED = "refused for good"
    MISCONFIGURED = "refused for our configuration"
    BUSY = "refused for now"
    CROWDED = "too many requests"
    UNREACHABLE = "no connection"
    MISTAKE = "failed before it was written"


_REFUSALS: dict[Reaction, Answer] = {
    Reaction.LOST: InDoubt(reason="silence"),
    Reaction.LATE: InDoubt(reason="silence"),
    Reaction.REFUSED: Rejected(code=21211, message="no number", fault=Fault.MESSAGE),
    Reaction.MISCONFIGURED: Rejected(
        code=20003, message="no entry", fault=Fault.CONFIGURATION, pauses=True
    ),
    Reaction.BUSY: Rejected(code=21611, message="full", fault=Fault.BACK_PRESSURE),
    Reaction.CROWDED: NotSent(reason="429", retry_after=timedelta(seconds=2), costs_retry=False),
    Reaction.UNREACHABLE: NotSent(reason="no route", costs_retry=False, unreachable=True),
    Reaction.MISTAKE: NotSent(reason="mistake"),
}
MAY_FAIL = {Reaction.REFUSED, Reaction.MISTAKE}


class Mood(StrEnum):
    """How Twilio answers questions about texts that it has."""

    FINE = "fine"
    SLOW = "the list lags, and the answer to a cancel is lost"
    SILENT = "no answer, and nothing done"


@dataclass(slots=True, kw_only=True)
class Text:
    """A text that Twilio took. `status` is Twilio's word for it."""

    sid: Sid
    of: Outgoing
    created: float
    send_at: float | None
    status: str

    @property
    def counts(self) -> bool:
        """Whether it reached the phone, or will."""
        return self.status != "canceled"

    @property
    def is_out(self) -> bool:
        """Whether it has left Twilio, so that nobody can take it back."""
        return self.counts and self.status != "scheduled"


class Ledger(Gateway):
    """Twilio's side of a run. It never forgets and never lies, but it need not answer."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings)
        self._clock = clock
        self.allow: Callable[[Outgoing], None] = lambda _: None
        self.reset(skew=timedelta(0))

    def reset(self, *, skew: timedelta) -> None:
        """A new run; `skew` is how far Twilio's clock is ahead."""
        self._skew = skew
        self.texts: dict[Sid, Text] = {}
        self.on_the_way: list[tuple[Outgoing, float]] = []
        self.may_fail: set[JobId] = set()
        self.behave()

    def behave(
        self,
        reactions: Sequence[Reaction] = (Reaction.ACCEPTED,),
        mood: Mood = Mood.FINE,
        meanwhile: Callable[[], object] | None = None,
    ) -> None:
        """How it answers from now on; `meanwhile` happens once, before the next answer."""
        self._reactions, self._turn, self._mood = reactions, 0, mood
        self._meanwhile = meanwhile

    def tick(self) -> None:
        """Texts whose time has come go out."""
        for text in self.texts.values():
            if text.status == "scheduled" and (text.send_at or 0) <= self._clock.now:
                text.status = "sent"

    def write(self, message: Outgoing) -> Answer:
        """A request is written, and this is its answer."""
        self.allow(message)
        reaction = self._reactions[self._turn % len(self._reactions)]
        self._turn += 1
        if reaction in MAY_FAIL:
            self.may_fail.add(message.job_id)
        if reaction is Reaction.LATE:
            until = self._clock.now + ARRIVES_WITHIN.total_seconds()
            self.on_the_way.append((message, until))
        if reaction not in (Reaction.ACCEPTED, Reaction.UNSEEN):
            return _REFUSALS[reaction]
        answer = self._take(message)
        return answer if reaction is Reaction.ACCEPTED else InDoubt(reason="the answer is lost")

    def arrive(self, which: int) -> None:
        """A request that was on its way arrives, unless it took too long."""
        message, until = self.on_the_way.pop(which)
        if self._clock.now <= until:
            self._take(message)

    def says(self, text: Text, status: str) -> bool:
        """Whether Twilio may say this of the text now; then the text has come so far."""
        if not text.counts or text.status == "scheduled" or status in ("scheduled", "canceled"):
            return text.status == status
        if outranks(status, text.status):
            text.status = status
        return True

    def ready(self, count: int) -> None:
        """It takes no time to connect."""

    def room(self, texts: int) -> AbstractContextManager[Room]:
        """It never has too many requests at once."""
        return nullcontext(Room(texts))

    def send(
        self, messages: Sequence[Outgoing], *, urgent: bool = False
    ) -> Iterator[Sequence[Answered]]:
        """The first answer, and then the rest of them together."""
        answered = [(message, self.write(message)) for message in messages]
        self._something_happens()
        for group in (answered[:1], answered[1:]):
            if group:
                yield group

    def find(self, to: Phone, since: datetime) -> tuple[Listed, ...] | Unanswered:
        """What the list shows; a list that lags does not show the newest texts."""
        mood = self._mood
        lag = LAGS.total_seconds() if mood is Mood.SLOW else 0.0
        shown = tuple(
            listed
            for text in self.texts.values()
            if text.of.to == to
            if text.created + lag <= self._clock.now
            for listed in [self._listed(text)]
            if listed.date_created is not None and listed.date_created >= since
        )
        self._something_happens()
        return Unanswered(reason="silence") if mood is Mood.SILENT else shown

    def cancel(self, sids: Sequence[Sid]) -> Sequence[Canceling]:
        """Drops texts that are kept, and says so or not."""
        return [self._cancel(sid) for sid in sids]

    def _cancel(self, sid: Sid) -> Canceling:
        mood = self._mood
        text = self.texts[sid]
        if mood is not Mood.SILENT and text.status == "scheduled":
            text.status = "canceled"
        now = text.status
        self._something_happens()
        if mood is not Mood.FINE:
            return Canceling.UNANSWERED
        return Canceling.CANCELED if now == "canceled" else Canceling.TOO_LATE

    def fetch(self, sid: Sid) -> Listed | Unanswered:
        """A text as it stands."""
        answer = self._listed(self.texts[sid])
        mood = self._mood
        self._something_happens()
        return Unanswered(reason="silence") if mood is Mood.SILENT else answer

    def close(self) -> None:
        """Nothing is open."""

    def _take(self, message: Outgoing) -> Answer:
        now = self._clock.now
        ahead = message.send_at - datetime.now(UTC) if message.send_at else None
        if ahead is not None and ahead < WINDOW:
            return Rejected(code=35114, message="too soon", fault=Fault.MESSAGE)
        text = Text(
            sid=Sid(f"SM{len(self.texts):032x}"),
            of=message,
            created=now,
            send_at=now + ahead.total_seconds() if ahead else None,
            status="scheduled" if ahead else "accepted",
        )
        self.texts[text.sid] = text
        return Accepted(sid=text.sid, status=text.status, segments=1)

    def _listed(self, text: Text) -> Listed:
        age = timedelta(seconds=self._clock.now - text.created)
        return Listed(
            sid=text.sid,
            to=text.of.to,
            sender=None,
            messaging_service_sid="MG" + "0" * 32,
            body=text.of.body,
            status=text.status,
            direction="outbound-api",
            date_created=datetime.now(UTC) - age + self._skew,
        )

    def _something_happens(self) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()
