"""What callers, operators and accidents have done in a run, as far as it says what may follow."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from messaging.domain.job import InDoubtPolicy, JobId
from messaging.domain.outcome import MAX_RESENDS
from tests.state.world import Job

MOST_JOBS = 8
_PHONES = ("+15555550100", "+15555550101")


class Book:
    """Kept by the rules of a run, and read by its invariants. Texts are known by their bodies."""

    def __init__(self) -> None:
        self.texts = 0
        self.ids = 0
        self.least: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.ids_of_key: dict[str, set[JobId | None]] = {}
        self.to_cancel: set[JobId] = set()
        self.resends: Counter[JobId] = Counter()
        self.robbed: set[UUID] = set()

    @property
    def has_room(self) -> bool:
        """Whether there are few enough jobs for one more."""
        return sum(self.most.values()) < MOST_JOBS

    def name_text(self, *, twin: bool = False) -> str:
        """The body of another text; a twin says the same as the one before."""
        self.texts += not (twin and self.texts)
        return f"text {self.texts}"

    def choose_id(self) -> UUID:
        """The id of the next job: not by chance, for claims come in the order of ids."""
        self.ids += 1
        return UUID(int=self.ids)

    def hand_over(self, body: str) -> None:
        """A text is one more job now."""
        self.least[body] += 1
        self.most[body] += 1

    def may_become_one(self, body: str) -> None:
        """A text becomes one job, or none."""
        self.most[body] = 1

    def must_be_one(self, body: str) -> None:
        """A text is one job."""
        self.least[body] = self.most[body] = 1

    def allowed(self, jobs: Iterable[Job]) -> int:
        """How often Twilio may take the text of these jobs, which all say the same."""
        return sum(1 + self.resends[job.id] + _by_policy(job) for job in jobs)


def phone(body: str) -> str:
    """Whom a text is to: one of two people, so that their texts meet in Twilio's list."""
    return _PHONES[sum(map(ord, body)) % 2]


def _by_policy(job: Job) -> int:
    return MAX_RESENDS if job.in_doubt_policy is InDoubtPolicy.RESEND else 0
