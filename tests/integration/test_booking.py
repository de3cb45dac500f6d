"""Leave, lanes and slots together, over a real Valkey: what three workers make of them."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Lock
from uuid import uuid4

import pytest

from messaging.booking import Booking
from messaging.domain.answers import Accepted, Answer, NotSent, Outgoing
from messaging.domain.breaker import Passage
from messaging.domain.job import JobId, Lane, Phone, Sid
from messaging.domain.verdict import Verdict
from messaging.local.pacing.windows import Arrival, average, fullest
from messaging.redis.throttle import Booked, Throttle
from messaging.settings import load
from messaging.twilio.groups import Groups
from messaging.twilio.lanes import Lanes
from messaging.twilio.loop_thread import LoopThread
from messaging.twilio.room import Rooms
from tests.sending import told

TAKEN = Accepted(sid=Sid("SM" + "0" * 32), status="queued")
LATE = NotSent(reason="too late", costs_retry=False)
CROWDED = NotSent(
    reason="too many", retry_after=timedelta(seconds=1), costs_retry=False, crowded=True
)
THINKS = 0.1


@dataclass
class Twilio:
    """It takes so many requests at once, and thinks about each."""

    most: float
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0
    under_way: int = 0
    lock: Lock = field(default_factory=Lock)

    async def send(self, text: Outgoing) -> Answer:
        now = time.monotonic()
        if now >= text.write_before:
            return LATE
        with self.lock:
            if self.under_way >= self.most:
                self.refused += 1
                return CROWDED
            self.under_way += 1
            self.arrivals.append(now)
        await asyncio.sleep(THINKS)
        with self.lock:
            self.under_way -= 1
        return TAKEN

    @property
    def ledger(self) -> list[Arrival]:
        return [Arrival(at=at) for at in sorted(self.arrivals)]

    def rate(self) -> float:
        """Texts a second, once it has settled."""
        return average(self.ledger, self.arrivals[0] + 1, self.arrivals[-1])


class Worker:
    """What a process has, and threads that give it texts without end."""

    def __init__(self, url: str, limit: int, twilio: Twilio) -> None:
        self.throttle = Throttle(
            load(
                {
                    "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
                    "REDIS_URL": url,
                    "TWILIO_RATE_LIMIT_PER_SECOND": str(limit),
                }
            )
        )
        self.throttle.breakers.note(Passage(probe="begun"), [Verdict(account=True, sender=True)])
        self.loop = LoopThread("lanes")
        self.booking = Booking(self.slots)
        self.lanes = Lanes(200, told(twilio.send), self.booking.slot)
        self.rooms = Rooms(lambda: self.lanes.claimable)
        self.booked = self.missed = 0

    def slots(self, units: Sequence[int], lane: Lane) -> Booked:
        found = self.throttle.slots(units, lane)
        self.booked += len(found.slots)
        return found

    def work(self, is_over: Callable[[], bool], claim: float = 0.015) -> None:
        """As `delivery.deliver` does it."""
        pause = Event()
        while not is_over():
            with self.rooms.taken(20) as room:
                grant = self.throttle.leave([1] * room.texts, Lane.NORMAL) if room.texts else None
                room.texts = grant.texts if grant else 0
                if room.texts:
                    pause.wait(claim)
                    groups = Groups([text() for _ in range(room.texts)])
                    self.loop.call(self.lanes.add, groups)
                    for group in groups.read(lambda: True):
                        room.texts -= len(group)
                        self.missed += sum(
                            isinstance(answer, NotSent) and not answer.crowded
                            for _, answer in group
                        )
                    continue
            pause.wait(grant.wait.total_seconds() if grant else 0.02)

    def close(self) -> None:
        self.loop.wait_for(self.lanes.end())
        self.loop.stop()
        self.booking.close()
        self.throttle.close()


def text() -> Outgoing:
    return Outgoing(
        job_id=JobId(uuid4()),
        attempt=1,
        to=Phone("+15551230000"),
        body="",
        write_before=time.monotonic() + 5,
    )


Make = Callable[[int, Twilio], list[Worker]]


@pytest.fixture
def workers(redis_url: str) -> Iterator[Make]:
    made: list[Worker] = []

    def three(limit: int, twilio: Twilio) -> list[Worker]:
        made.extend(Worker(redis_url, limit, twilio) for _ in range(3))
        return made

    yield three
    for worker in made:
        worker.close()


def run(workers: list[Worker], seconds: float) -> None:
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda w: w.work(lambda: time.monotonic() > until), workers * 4))


def test_the_limit_is_kept_and_used_to_the_full(workers: Make) -> None:
    twilio = Twilio(math.inf)
    made = workers(200, twilio)
    run(made, 3.5)
    assert fullest(twilio.ledger, 1) <= 201
    assert twilio.rate() > 0.8 * 200
    assert sum(worker.missed for worker in made) <= 0.05 * len(twilio.arrivals)


def test_no_slot_passes_unused_where_twilio_takes_fewer_at_once(workers: Make) -> None:
    twilio = Twilio(20)
    made = workers(600, twilio)
    run(made, 4)
    sent = len(twilio.arrivals) + twilio.refused
    assert sum(worker.booked for worker in made) <= 1.4 * sent, (
        "some, until it has found out how many"
    )
    assert twilio.refused <= 0.2 * sent
    assert twilio.rate() > 0.6 * twilio.most / THINKS
    assert sum(worker.missed for worker in made) <= 0.05 * sent
