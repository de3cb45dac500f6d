"""Silence: when no answer is one, as a table; and that slow is not silent, on its own clock."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from messaging.domain.answers import Accepted, Answer, Fault, Rejected
from messaging.domain.breaker import Passage, Record, Rules, State, follows
from messaging.domain.job import Sid
from messaging.domain.silence import Latencies, Owed, Patience, Sound, limit, silence
from messaging.domain.verdict import Scope
from messaging.twilio.ear import Ear
from messaging.twilio.stages import Progress

PATIENCE = Patience(volume=10, least=timedelta(seconds=1.5), most=timedelta(seconds=10))
TAKEN = Accepted(sid=Sid("SM" + "0" * 32), status="queued")
REFUSED = Rejected(code=None, message="HTTP 500", fault=Fault.MESSAGE)
NOW = 100.0


def owed(count: int, seconds: float, generation: int = 0) -> list[Owed]:
    return [Owed(since=NOW - seconds, generations=(generation, 0))] * count


@pytest.mark.parametrize(
    ("waiting", "requests"),
    [
        ([], 0),
        (owed(10, 1.5), 10),
        (owed(9, 9.0), 0),
        (owed(9, 9.0) + owed(500, 1.4), 0),
        (owed(9, 9.0) + owed(500, 1.6), 509),
        (owed(800, -float("inf")), 0),
        (owed(800, 9.0, 1) + owed(9, 1.6, 2), 0),
        (owed(800, 9.0, 1) + owed(12, 1.6, 2), 12),
    ],
    ids=[
        "nothing is owed",
        "enough wait for long enough",
        "too few",
        "enough, but most have only begun",
        "many",
        "none has come so far that anybody could answer",
        "written before a breaker opened, and lost then",
        "enough since it closed again",
    ],
)
def test_it_is_silence_where_enough_requests_wait_for_long_enough(
    waiting: list[Owed], requests: int
) -> None:
    sound = silence(PATIENCE, 1.5, waiting, NOW)
    assert bool(requests) == bool(sound)
    if sound:
        assert (False, True, True) == (
            sound.verdict.account,
            sound.verdict.at_once,
            sound.verdict.silent,
        )
        assert f"{requests} requests wait" in sound.verdict.reason


@pytest.mark.parametrize(
    ("usual", "seconds"),
    [(None, 5.0), (0.1, 1.5), (0.3, 1.5), (0.5, 2.0), (1.9, 7.6), (3.0, 10.0)],
)
def test_the_slower_twilio_is_the_longer_silence_takes(usual: float | None, seconds: float) -> None:
    assert seconds == pytest.approx(limit(PATIENCE, usual))


def test_ten_slow_answers_among_hundreds_of_quick_ones_show() -> None:
    latencies = Latencies()
    assert latencies.usual is None
    for _ in range(5_000):
        latencies.note(0.14)
    assert 0.2 == latencies.usual
    for _ in range(10):
        latencies.note(3.0)
    assert 3.1 == latencies.usual
    for _ in range(5_000):
        latencies.note(0.14)
    assert 0.2 == latencies.usual


def hear(story: Callable[["Listening"], None]) -> "Listening":
    """A story told in a loop whose own timers never run."""
    listening = Listening()

    async def tell() -> None:
        story(listening)

    asyncio.run(tell())
    return listening


class Listening:
    """An ear on a clock of its own, and what it tells."""

    def __init__(self) -> None:
        self.now = NOW
        self.told: list[Sound] = []
        self.ear = Ear(PATIENCE, self.told.append, lambda: self.now)

    def begin(self, count: int, generation: int = 0) -> list[Progress]:
        requests = [Progress() for _ in range(count)]
        for each in requests:
            each.owed_since = self.now
            self.ear.expect(each, (generation, 0))
        return requests

    def end(self, requests: list[Progress], answer: Answer = TAKEN) -> None:
        for each in requests:
            self.ear.hear(each, answer)
            self.ear.forget(each)

    def let_pass(self, seconds: float) -> None:
        """Time, with all the looks that are due."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.ear.look()

    def get_used(self) -> None:
        """Answers come, after a tenth of a second each."""
        requests = self.begin(20)
        self.let_pass(0.1)
        self.end(requests)


def test_silence_is_told_once_and_soon() -> None:
    def story(one: Listening) -> None:
        one.get_used()
        one.begin(20)
        one.let_pass(1.4)
        assert [] == one.told
        one.let_pass(0.2)
        assert 1 == len(one.told)
        one.let_pass(8)

    assert [True] == [sound.verdict.silent for sound in hear(story).told]


def test_who_is_heard_is_not_silent() -> None:
    def story(one: Listening) -> None:
        one.get_used()
        one.begin(20)
        for _ in range(9):
            # Even one that says no, of many that say nothing: the other requests are to blame.
            requests = one.begin(1)
            one.let_pass(1)
            one.end(requests, REFUSED)

    assert [] == hear(story).told


def test_a_process_that_stood_still_has_not_listened() -> None:
    def story(one: Listening) -> None:
        one.get_used()
        requests = one.begin(20)
        one.let_pass(0.1)
        one.now += 60  # then the answers lie unread, and the look may come before they are read
        one.ear.look()
        one.let_pass(0.2)
        one.end(requests)

    assert [] == hear(story).told


def test_an_answer_that_comes_after_all_is_told_once() -> None:
    def story(one: Listening) -> None:
        one.get_used()
        requests = one.begin(20, generation=3)
        one.let_pass(2)
        one.end(requests[:1], REFUSED)
        assert 1 == len(one.told), "a refusal does not show that texts go out"
        one.end(requests[1:])

    first, second = hear(story).told
    assert (Passage(generations=(3, 0)), True) == (second.passage, second.verdict.account)
    assert first.passage == second.passage


RULES = Rules(
    volume=10,
    share=0.5,
    window=timedelta(seconds=30),
    first=timedelta(seconds=5),
    longest=timedelta(seconds=30),
)


class World:
    """A process that begins seven requests each tenth of a second while the breaker lets it."""

    def __init__(self, listening: Listening, latency: Callable[[float], float]) -> None:
        self.listening, self.latency = listening, latency
        self.record = Record(state=State.CLOSED)
        self.opened: list[float] = []
        self.sent = 0
        self._under_way: list[tuple[float, list[Progress]]] = []

    def live(self, seconds: float) -> None:
        one = self.listening
        for _ in range(round(seconds * 10)):
            passed = one.now - NOW
            if self.record.state is State.CLOSED:
                requests = one.begin(7, self.record.generation)
                self._under_way.append((one.now + self.latency(passed), requests))
            one.let_pass(0.1)
            for due, requests in self._under_way:
                if due <= one.now:
                    one.end(requests)
                    self.sent += len(requests)
            self._under_way = [each for each in self._under_way if each[0] > one.now]
            self._follow(passed)

    def _follow(self, passed: float) -> None:
        for sound in self.listening.told:
            now = round(self.listening.now * 1e6)
            passage, verdicts = sound.passage, [sound.verdict]
            after = follows(RULES, Scope.ACCOUNT, self.record, now, passage, verdicts, [])
            if after and after.state is State.OPEN:
                self.opened.append(passed)
            self.record = after or self.record
        self.listening.told.clear()


@pytest.mark.parametrize(
    ("latency", "times", "least"),
    [
        (lambda _: 0.1, 0, 4150),
        (lambda _: 3.0, 0, 3950),
        (lambda at: 0.1 + min(2.9, at * 0.29), 0, 3950),
        (lambda at: 0.1 if at < 20 else 3.0, 1, 3800),
        (lambda at: 2.5 if 20 <= at < 22 else 0.1, 1, 4000),
    ],
    ids=[
        "quick",
        "slow from the start",
        "slower and slower",
        "slow from one moment to the next",
        "slow for two seconds",
    ],
)
def test_slow_is_not_silent(latency: Callable[[float], float], times: int, least: int) -> None:
    worlds: list[World] = []

    def story(one: Listening) -> None:
        worlds.append(World(one, latency))
        worlds[0].live(60)

    hear(story)
    (world,) = worlds
    assert times == len(world.opened)
    assert (State.CLOSED, True) == (world.record.state, world.sent >= least), world.sent


def test_a_hole_opens_the_breaker_within_two_seconds_and_stays_open() -> None:
    worlds: list[World] = []

    def story(one: Listening) -> None:
        worlds.append(World(one, lambda at: 0.1 if at < 20 else 1e6))
        worlds[0].live(60)

    hear(story)
    (world,) = worlds
    assert State.OPEN is world.record.state
    assert [pytest.approx(21.6, abs=0.2)] == world.opened
