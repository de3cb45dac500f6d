"""Every message that was accepted, in order, with running counts; optionally kept in a file."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from messaging.local.simulator.journal import Journal
from messaging.local.simulator.message import FINAL, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The ledger in figures. Inbound texts count only in `inbound`."""

    requests: int
    accepted: int
    inbound: int
    by_status: Mapping[str, int]
    unfinished: int
    """Accepted messages whose status can still change."""
    repeated_texts: int
    """Pairs of recipient and body that were accepted more than once."""
    repeated_jobs: int
    """Job ids that were accepted more than once."""


class Ledger:
    """All messages. Any thread may read; only the simulator's own thread writes."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._closed = False
        self._forget()
        for message in journal.read() if journal else ():
            self._take(message)

    @property
    def closed(self) -> bool:
        """Whether nothing changes any more."""
        return self._closed

    @property
    def messages(self) -> Sequence[Message]:
        """Every message, outbound and inbound, in the order in which it was accepted."""
        return self._messages

    @property
    def outbound(self) -> list[Message]:
        """The texts that callers had accepted, in order."""
        return [one for one in tuple(self._messages) if one.direction != "inbound"]

    def get(self, sid: str) -> Message | None:
        """The message with this SID, or None."""
        return self._by_sid.get(sid)

    def to(self, number: str) -> Sequence[Message]:
        """The messages to one number, in order."""
        return self._by_to.get(number, ())

    def repeats(self, message: Message) -> tuple[int, int]:
        """How often this recipient and body, and how often this job id, were accepted."""
        job = self._jobs[message.job] if message.job else 0
        return self._texts[message.to, message.body], job

    def count_request(self) -> int:
        """The number of a new API request, from 1."""
        self._requests += 1
        return self._requests

    def add(self, message: Message) -> None:
        """Record an accepted message; with a file, it is in the file when this returns."""
        self._take(message)
        if self._journal:
            self._journal.accept(message)

    def change(self, message: Message, status: str) -> bool:
        """Give a message another status; False if the ledger is closed or has forgotten it."""
        if self._closed or message.sid not in self._by_sid:
            return False
        if message.direction != "inbound":
            self._statuses[message.status] -= 1
            self._statuses[status] += 1
        message.status = status
        self.note(message)
        return True

    def note(self, message: Message) -> None:
        """Write down that something about a message has changed."""
        if self._journal:
            self._journal.note(message)

    def clear(self) -> None:
        """Forget everything, the file's content too."""
        self._forget()
        if self._journal:
            self._journal.clear()

    def close(self) -> None:
        """Let nothing change any more, and close the file."""
        self._closed = True
        if self._journal:
            self._journal.close()

    def summary(self) -> Summary:
        """The figures now."""
        statuses = {name: count for name, count in self._statuses.items() if count}
        return Summary(
            requests=self._requests,
            accepted=sum(statuses.values()),
            inbound=len(self._messages) - sum(statuses.values()),
            by_status=statuses,
            unfinished=sum(count for name, count in statuses.items() if name not in FINAL),
            repeated_texts=self._repeated_texts,
            repeated_jobs=self._repeated_jobs,
        )

    def _forget(self) -> None:
        self._messages: list[Message] = []
        self._by_sid: dict[str, Message] = {}
        self._by_to: defaultdict[str, list[Message]] = defaultdict(list)
        self._statuses: Counter[str] = Counter()
        self._texts: Counter[tuple[str, str]] = Counter()
        self._jobs: Counter[str] = Counter()
        self._repeated_texts = self._repeated_jobs = self._requests = 0

    def _take(self, message: Message) -> None:
        message.number = len(self._messages)
        self._messages.append(message)
        self._by_sid[message.sid] = message
        self._by_to[message.to].append(message)
        if message.direction != "inbound":
            self._tally(message)

    def _tally(self, message: Message) -> None:
        self._statuses[message.status] += 1
        text = (message.to, message.body)
        self._texts[text] += 1
        self._repeated_texts += self._texts[text] == 2
        if message.job:
            self._jobs[message.job] += 1
            self._repeated_jobs += self._jobs[message.job] == 2
