"""The throttle: leave and slots at the pace of the limits, whoever asks, whatever Redis forgets."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
import redis

from messaging.domain.breaker import Passage
from messaging.domain.job import MAX_BODY, Lane
from messaging.domain.segments import count
from messaging.domain.verdict import Verdict
from messaging.local.pacing.windows import Arrival, fullest
from messaging.local.process import wait_until
from messaging.redis.throttle import Booked, Grant, Throttle
from messaging.settings import load

SOON = 150
"""Milliseconds that leave and slots are given ahead."""
A_WHILE = 600
"""Milliseconds that an emptied Redis waits at least: so far ahead slots may have been granted."""

Limits = Callable[..., Throttle]


@pytest.fixture
def throttle(redis_url: str) -> Iterator[Limits]:
    """Makes throttles with these limits, as many as asked for, over the same server."""
    made: list[Throttle] = []

    def limited(second: int | None = None, minute: int | None = None, **more: str) -> Throttle:
        environment = {
            "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
            "REDIS_URL": redis_url,
            "TWILIO_RATE_LIMIT_PER_SECOND": str(second or ""),
            "TWILIO_RATE_LIMIT_PER_MINUTE": str(minute or ""),
            **more,
        }
        made.append(Throttle(load(environment)))
        let_through(made[-1])
        return made[-1]

    yield limited
    for each in made:
        each.close()


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def let_through(throttle: Throttle) -> None:
    """Twilio takes texts: its breakers are closed."""
    throttle.breakers.note(Passage(probe="begun"), [Verdict(account=True, sender=True)])


def state(server: redis.Redis) -> str:
    """The key of the one sender that there is."""
    (key,) = (key for key in server.keys("messaging:throttle:*") if server.type(key) == "hash")
    return str(key)


def begun(server: redis.Redis, throttle: Throttle) -> None:
    """Lets the time pass for which a throttle that was emptied waits."""
    book(throttle)
    rest(server)


def rest(server: redis.Redis) -> None:
    """As if nothing had been sent for long, by anybody."""
    server.hset(state(server), mapping={"free": 0, "left": 0, "spent": 0})


def leave(throttle: Throttle, texts: int = 1, lane: Lane = Lane.NORMAL) -> Grant:
    return throttle.leave([1] * texts, lane)


def book(throttle: Throttle, texts: int = 1, lane: Lane = Lane.NORMAL) -> Booked:
    return throttle.slots([1] * texts, lane)


def booked(throttle: Throttle, texts: int = 1, lane: Lane = Lane.NORMAL) -> int:
    return len(book(throttle, texts, lane).slots)


def starts(found: Booked) -> list[float]:
    return [slot.start for slot in found.slots]


def gaps(starts: list[float]) -> list[float]:
    """Milliseconds between each start and the next."""
    return [1000 * (later - earlier) for earlier, later in pairwise(sorted(starts))]


def clock(server: redis.Redis) -> float:
    """Microseconds since 1970, on the clock that counts."""
    seconds, microseconds = server.time()
    return float(seconds * 1e6 + microseconds)


def free(server: redis.Redis) -> float:
    """Milliseconds since 1970 of the next free slot."""
    return float(server.hget(state(server), "free") or 0) / 1000


def ahead(server: redis.Redis) -> float:
    """Milliseconds until the next free slot."""
    return free(server) - clock(server) / 1000


def test_without_limits_everything_is_granted_and_nothing_kept(
    throttle: Limits, server: redis.Redis
) -> None:
    unlimited = throttle()
    grant = leave(unlimited, 1000)
    assert Grant(texts=1000) == grant
    unlimited.give_back(grant, 500)
    assert 0 == unlimited.outlook(Lane.NORMAL).waiting
    assert [] == server.keys("messaging:throttle:*")


@pytest.mark.parametrize(
    ("second", "minute", "apart"),
    [(100, None, 10.2), (None, 6000, 10.05), (200, 6000, 10.05), (50, 60_000, 20.4)],
)
def test_slots_are_as_far_apart_as_the_strictest_limit_asks(
    throttle: Limits, server: redis.Redis, second: int | None, minute: int | None, apart: float
) -> None:
    limited = throttle(second, minute)
    begun(server, limited)
    first = starts(book(limited, 3))
    assert [pytest.approx(apart, abs=0.01)] * 2 == gaps(first)
    end = free(server)
    assert 2 == booked(limited, 2)
    assert pytest.approx(end + 2 * apart, abs=0.01) == free(server)


@pytest.mark.parametrize(("units", "late"), [(1, 40.4), (2, 20.0), (3, 10.0)])
def test_a_slot_is_over_before_a_window_would_hold_too_many(
    throttle: Limits, server: redis.Redis, units: int, late: float
) -> None:
    limited = throttle(second=50)
    begun(server, limited)
    (slot,) = limited.slots([units], Lane.NORMAL).slots
    assert pytest.approx(late) == 1000 * (slot.end - slot.start)


def test_a_grant_is_of_what_may_start_soon(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=50)
    begun(server, limited)
    assert 5 == leave(limited, 100).texts, "as many as begin within 100 ms"
    assert 5 == booked(limited, 100)
    server.hset(state(server), "free", round(clock(server) + 1e6))
    most = ahead(server) - SOON
    later, last = leave(limited, 100), book(limited, 100)
    least = ahead(server) - SOON
    assert (0, "", ()) == (later.texts, later.paused, last.slots)
    assert least <= later.wait / timedelta(milliseconds=1) <= most
    assert least <= last.wait / timedelta(milliseconds=1) <= most


def test_leave_is_given_at_the_pace_of_slots_and_before_them(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50)
    begun(server, limited)
    told = leave(limited, 3).told
    assert [pytest.approx(20.4, abs=0.01)] * 3 == gaps([at / 1e6 for at in told])
    assert told[-1] == leave(limited, 3).told[0], "others have leave for what comes then"
    assert [3, 3] == [booked(limited, 3), booked(limited, 3)]
    assert free(server) < told[-1] / 1000 + 3 * 20.4, "leave costs no slots"


def test_while_those_that_are_claimed_wait_for_slots_no_others_are_claimed(
    throttle: Limits, server: redis.Redis
) -> None:
    """As after a while in which no claim came to its end: that time is lost, and they are late."""
    limited, other = throttle(second=50), throttle(second=50)
    begun(server, limited)
    assert 1 == leave(other).texts
    assert 5 == booked(limited, 12)
    assert 4 * 20.4 < (later := leave(other).wait / timedelta(milliseconds=1)) < 9 * 20.4, later
    assert 1 == leave(other, 1, Lane.URGENT).texts


def test_a_slow_limit_grants_one_slot_and_tells_the_time_until_the_next(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(minute=3)
    begun(server, limited)
    assert [1, 0] == [leave(limited, 3).texts, leave(limited, 3).texts]
    assert timedelta(seconds=19) < leave(limited).wait < timedelta(seconds=20.1)
    assert [1, 0] == [booked(limited, 3), booked(limited, 3)]
    assert timedelta(seconds=19) < book(limited).wait < timedelta(seconds=20.1)


def test_whoever_asks_and_however_often_slots_keep_their_distance(
    throttle: Limits, server: redis.Redis
) -> None:
    askers = [throttle(second=500) for _ in range(4)]
    begun(server, askers[0])
    begin = free(server)
    found: list[list[float]] = []

    def ask(asker: Throttle) -> None:
        assert wait_until(lambda: took(asker) > 700, limit=20)

    def took(asker: Throttle) -> int:
        found.append(starts(book(asker, 3)))
        return sum(len(each) for each in found)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, askers))
    assert [] == [gap for each in found for gap in gaps(each) if gap < 2.039]
    every = sorted(start for each in found for start in each)
    assert free(server) - max(begin, 0) >= len(every) * 2.04, "each has a slot of its own"
    # Each reads Redis's clock on its own, a little late.
    assert fullest([Arrival(at=at) for at in every], 1) <= 501


def test_a_text_takes_as_many_slots_as_it_has_units(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=100)
    begun(server, limited)
    begin = clock(server) / 1000
    found = starts(limited.slots([3, 1, 2, 1], Lane.NORMAL))
    end = clock(server) / 1000
    assert [pytest.approx(units * 10.2, abs=0.01) for units in (3, 1, 2)] == gaps(found)
    assert begin <= free(server) - 2 - 7 * 10.2 <= end
    told = limited.leave([3, 1, 2, 1], Lane.NORMAL).told
    assert [pytest.approx(units * 10.2, abs=0.01) for units in (3, 1, 2, 1)] == gaps(
        [at / 1e6 for at in told]
    )


def test_the_largest_text_that_there_is_takes_its_time_and_no_more(
    throttle: Limits, server: redis.Redis
) -> None:
    """A state that is further ahead than any text takes it is another clock's, and is forgotten."""
    sign = "\N{WAVING BLACK FLAG}" + 16 * "\N{TAG LATIN SMALL LETTER G}"
    largest = count(sign * (MAX_BODY // len(sign))).parts
    assert 94 == largest
    limited = throttle(second=2)
    begun(server, limited)
    server.hset(state(server), "free", round(clock(server) + 100_000))
    assert 1 == len(limited.slots([largest], Lane.NORMAL).slots)
    end = free(server)
    assert ahead(server) > largest * 510
    assert 0 == booked(limited)
    assert end == free(server)


def test_the_end_of_a_grant_comes_back_unless_somebody_was_granted_more(
    throttle: Limits, server: redis.Redis
) -> None:
    one, other = throttle(second=50), throttle(second=50)
    begun(server, one)
    grant = leave(one, 4)
    one.give_back(grant, 2)
    after = leave(other)
    assert grant.told[2] == after.told[0]
    one.give_back(grant, 2)
    assert after.told[-1] == leave(one).told[0]


def test_a_server_that_is_away_costs_the_leave_that_was_to_be_given_back() -> None:
    away = Throttle(
        load(
            {
                "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
                "REDIS_URL": "redis://127.0.0.1:9/0",
                "TWILIO_RATE_LIMIT_PER_SECOND": "10",
            }
        )
    )
    away.give_back(Grant(texts=1, told=(1, 2)), 1)
    with pytest.raises(redis.RedisError):
        leave(away)
    with pytest.raises(redis.RedisError):
        book(away)
    away.close()


def test_an_emptied_server_begins_once_all_that_was_granted_has_started(
    throttle: Limits, server: redis.Redis
) -> None:
    limited, stranger = throttle(second=10), throttle(second=10)
    begun(server, limited)
    last = max(start for _ in range(4) for start in starts(book(limited, 9, Lane.URGENT)))
    server.flushall()
    assert 0 == booked(stranger, 9)
    assert ahead(server) > A_WHILE
    assert 0 == leave(stranger).texts
    assert wait_until(lambda: bool(found := starts(book(stranger))) and found[0] > last, limit=5)


def test_an_emptied_server_learns_from_whoever_asks_what_was_granted_last(
    throttle: Limits, server: redis.Redis
) -> None:
    limited, stranger = throttle(minute=6), throttle(minute=6)
    begun(server, limited)
    limited.slots([3], Lane.NORMAL)
    server.flushall()
    assert timedelta(seconds=10) < leave(stranger).wait < timedelta(seconds=11)
    assert timedelta(seconds=29) < leave(limited).wait < timedelta(seconds=31)
    assert timedelta(seconds=29) < book(stranger).wait


def test_a_clock_that_is_put_back_stops_nobody(throttle: Limits, server: redis.Redis) -> None:
    """As after a failover to a server whose clock is hours behind."""
    limited = throttle(second=10)
    begun(server, limited)
    server.hset(state(server), mapping={"free": "9" * 16, "left": "9" * 16})
    limited._known = 9 * 10**15
    assert leave(limited).wait < timedelta(seconds=2)
    assert book(limited).wait < timedelta(seconds=2)


def test_urgent_ones_get_slots_that_others_must_wait_for(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50)
    begun(server, limited)
    assert [4, 5, 0] == [booked(limited, texts) for texts in (4, 9, 1)]
    assert 0 == leave(limited).texts
    assert [1] * 8 == [leave(limited, 1, Lane.URGENT).texts for _ in range(8)]
    assert [1] * 8 == [booked(limited, 1, Lane.URGENT) for _ in range(8)]
    assert 0 == booked(limited)
    assert timedelta(milliseconds=150) < book(limited).wait <= timedelta(milliseconds=350)
    assert 0 == leave(limited).texts


def test_beyond_their_share_urgent_ones_wait_as_others_do(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50, MESSAGING_URGENT_SHARE="0.02")
    begun(server, limited)
    book(limited, 4), book(limited, 5)
    urgent = [booked(limited, 1, Lane.URGENT) for _ in range(7)]
    # What a fiftieth of the rate has saved up in five seconds is four texts, nearly five.
    assert [1] * 4 + [0] * 3 == urgent
    assert 0 == leave(limited, 1, Lane.URGENT).texts


def test_without_a_share_urgent_ones_wait_as_others_do(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50, MESSAGING_URGENT_SHARE="0")
    begun(server, limited)
    book(limited, 4), book(limited, 5)
    assert 0 == leave(limited, 1, Lane.URGENT).texts
    assert 0 == booked(limited, 1, Lane.URGENT)


def test_who_waits_for_leave_is_counted_until_it_has_it(
    throttle: Limits, server: redis.Redis
) -> None:
    one, other = throttle(second=50), throttle(second=50)
    begun(server, one)
    leave(one, 4), leave(one, 5)
    leave(one), leave(one), leave(other)
    assert [2, 0] == [one.outlook(lane).waiting for lane in (Lane.NORMAL, Lane.URGENT)]
    rest(server)
    leave(other)
    assert 1 == one.outlook(Lane.NORMAL).waiting
    assert wait_until(lambda: one.outlook(Lane.NORMAL).waiting == 0, limit=5), "it expires"


def test_senders_have_limits_of_their_own(throttle: Limits, server: redis.Redis) -> None:
    one = throttle(second=10, TWILIO_FROM="+15550006789")
    other = throttle(second=10, TWILIO_FROM="+15550006780")
    leave(one), leave(other)
    keys = server.keys("messaging:throttle:*")
    assert 4 == len(keys), "each has a state, and somebody who waits"
    assert [] == [key for key in keys if "1555" in key]


def test_what_the_throttle_keeps_expires(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=5, minute=5)
    leave(limited)
    assert 0 < int(server.pttl(state(server))) <= 24 * 60 * 60 * 1000


def test_a_throttle_names_the_version_of_its_server(throttle: Limits) -> None:
    assert throttle().ping()[:1].isdigit()
