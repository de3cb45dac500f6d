"""The throttle: slots at the pace of the limits, whoever asks, and whatever Redis forgets."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
import redis

from messaging.domain.breaker import Passage
from messaging.domain.job import Lane
from messaging.domain.verdict import Verdict
from messaging.local.pacing.windows import Arrival, fullest
from messaging.local.process import wait_until
from messaging.redis.throttle import Grant, Throttle
from messaging.settings import load

SOON = 150
"""Milliseconds that slots are granted ahead."""
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
    throttle.take([1], Lane.NORMAL)
    rest(server)


def rest(server: redis.Redis) -> None:
    """As if nothing had been sent for long, by anybody."""
    server.hset(state(server), mapping={"free": 0, "spent": 0})


def take(throttle: Throttle, texts: int = 1, lane: Lane = Lane.NORMAL) -> Grant:
    return throttle.take([1] * texts, lane)


def gaps(starts: list[float]) -> list[float]:
    """Milliseconds between each start and the next."""
    return [1000 * (later - earlier) for earlier, later in pairwise(sorted(starts))]


def clock(server: redis.Redis) -> float:
    """Microseconds since 1970, on the clock that counts."""
    seconds, microseconds = server.time()
    return float(seconds * 1e6 + microseconds)


def ahead(server: redis.Redis) -> float:
    """Milliseconds until the next free slot."""
    return (float(server.hget(state(server), "free") or 0) - clock(server)) / 1000


def test_without_limits_everything_is_granted_and_nothing_kept(
    throttle: Limits, server: redis.Redis
) -> None:
    free = throttle()
    grant = take(free, 1000)
    assert Grant(slots=1000) == grant
    free.give_back(grant, 500)
    assert 0 == free.outlook(Lane.NORMAL).waiting
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
    first, following = take(limited, 3), take(limited, 3)
    told = [*first.told[:3], *following.told[:3]]
    assert [pytest.approx(apart, abs=0.01)] * 5 == gaps([at / 1e6 for at in told])


def test_a_grant_is_of_what_may_start_soon(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=50)
    begun(server, limited)
    assert 5 == take(limited, 100).slots, "as many as begin within 100 ms"
    server.hset(state(server), "free", round(clock(server) + 1e6))
    most = ahead(server) - SOON
    later = take(limited, 100)
    least = ahead(server) - SOON
    assert (0, "") == (later.slots, later.paused)
    assert least <= later.wait / timedelta(milliseconds=1) <= most


def test_a_slow_limit_grants_one_slot_and_tells_the_time_until_the_next(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(minute=3)
    begun(server, limited)
    assert [1, 0] == [take(limited, 3).slots, take(limited, 3).slots]
    assert timedelta(seconds=19) < take(limited).wait < timedelta(seconds=20.1)


def test_whoever_asks_and_however_often_slots_keep_their_distance(
    throttle: Limits, server: redis.Redis
) -> None:
    askers = [throttle(second=500) for _ in range(4)]
    begun(server, askers[0])
    told: list[int] = []
    starts: list[float] = []

    def ask(asker: Throttle) -> None:
        assert wait_until(lambda: took(asker) > 700, limit=20)

    def took(asker: Throttle) -> int:
        grant = take(asker, 3)
        told.extend(grant.told[:-1])
        starts.extend(grant.starts)
        return len(starts)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, askers))
    assert [] == [gap for gap in gaps([at / 1e6 for at in told]) if gap < 2.039]
    # Each reads Redis's clock on its own, a little late.
    assert fullest([Arrival(at=at) for at in sorted(starts)], 1) <= 501


def test_a_text_takes_as_many_slots_as_it_has_units(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=100)
    begun(server, limited)
    begin = clock(server)
    starts = limited.take([3, 1, 2, 1], Lane.NORMAL).starts
    end = clock(server)
    assert [pytest.approx(units * 10.2, abs=0.01) for units in (3, 1, 2)] == gaps(list(starts))
    free = float(server.hget(state(server), "free") or 0)
    assert begin <= free - 1000 * (50 + 7 * 10.2) <= end


def test_the_end_of_a_grant_comes_back_unless_somebody_was_granted_more(
    throttle: Limits, server: redis.Redis
) -> None:
    one, other = throttle(second=50), throttle(second=50)
    begun(server, one)
    grant = take(one, 4)
    one.give_back(grant, 2)
    after = take(other)
    assert grant.told[2] == after.told[0]
    one.give_back(grant, 2)
    assert after.told[-1] == take(throttle(second=50)).told[0], "it knows of no grant"


def test_a_server_that_is_away_costs_the_slots_that_were_to_be_given_back() -> None:
    away = Throttle(
        load(
            {
                "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
                "REDIS_URL": "redis://127.0.0.1:9/0",
                "TWILIO_RATE_LIMIT_PER_SECOND": "10",
            }
        )
    )
    away.give_back(Grant(slots=1, starts=(0.0,), told=(1, 2)), 1)
    with pytest.raises(redis.RedisError):
        take(away)
    away.close()


def test_an_emptied_server_begins_once_all_that_was_granted_has_started(
    throttle: Limits, server: redis.Redis
) -> None:
    limited, stranger = throttle(second=10), throttle(second=10)
    begun(server, limited)
    last = [take(limited, 9, Lane.URGENT).starts[-1] for _ in range(4)][-1]
    server.flushall()
    assert 0 == take(stranger, 9).slots
    assert ahead(server) > A_WHILE
    assert wait_until(
        lambda: (grant := take(stranger)).slots == 1 and grant.starts[0] > last, limit=5
    )


def test_an_emptied_server_learns_from_whoever_asks_what_was_granted_last(
    throttle: Limits, server: redis.Redis
) -> None:
    limited, stranger = throttle(minute=6), throttle(minute=6)
    begun(server, limited)
    limited.take([3], Lane.NORMAL)
    server.flushall()
    assert timedelta(seconds=10) < take(stranger).wait < timedelta(seconds=11)
    assert timedelta(seconds=29) < take(limited).wait < timedelta(seconds=31)
    assert timedelta(seconds=29) < take(stranger).wait


def test_a_clock_that_is_put_back_stops_nobody(throttle: Limits, server: redis.Redis) -> None:
    """As after a failover to a server whose clock is hours behind."""
    limited = throttle(second=10)
    begun(server, limited)
    server.hset(state(server), "free", "9" * 16)
    limited._known = 9 * 10**15
    assert take(limited).wait < timedelta(seconds=2)


def test_urgent_ones_get_slots_that_others_must_wait_for(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50)
    begun(server, limited)
    assert [4, 5, 0] == [take(limited, texts).slots for texts in (4, 9, 1)]
    urgent = [take(limited, 1, Lane.URGENT) for _ in range(8)]
    assert [1] * 8 == [grant.slots for grant in urgent]
    assert 0 == take(limited).slots
    assert timedelta(milliseconds=150) < take(limited).wait <= timedelta(milliseconds=350)


def test_beyond_their_share_urgent_ones_wait_as_others_do(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50, MESSAGING_URGENT_SHARE="0.02")
    begun(server, limited)
    take(limited, 4), take(limited, 5)
    urgent = [take(limited, 1, Lane.URGENT).slots for _ in range(7)]
    # What a fiftieth of the rate has saved up in five seconds is four texts, nearly five.
    assert [1] * 4 + [0] * 3 == urgent


def test_without_a_share_urgent_ones_wait_as_others_do(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=50, MESSAGING_URGENT_SHARE="0")
    begun(server, limited)
    take(limited, 4), take(limited, 5)
    assert 0 == take(limited, 1, Lane.URGENT).slots


def test_who_waits_for_slots_is_counted_until_it_has_them(
    throttle: Limits, server: redis.Redis
) -> None:
    one, other = throttle(second=50), throttle(second=50)
    begun(server, one)
    take(one, 4), take(one, 5)
    take(one), take(one), take(other)
    assert [2, 0] == [one.outlook(lane).waiting for lane in (Lane.NORMAL, Lane.URGENT)]
    rest(server)
    take(other)
    assert 1 == one.outlook(Lane.NORMAL).waiting
    assert wait_until(lambda: one.outlook(Lane.NORMAL).waiting == 0, limit=5), "it expires"


def test_senders_have_limits_of_their_own(throttle: Limits, server: redis.Redis) -> None:
    one = throttle(second=10, TWILIO_FROM="+15550006789")
    other = throttle(second=10, TWILIO_FROM="+15550006780")
    take(one), take(other)
    keys = server.keys("messaging:throttle:*")
    assert 4 == len(keys), "each has a state, and somebody who waits"
    assert [] == [key for key in keys if "1555" in key]


def test_what_the_throttle_keeps_expires(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=5, minute=5)
    take(limited)
    assert 0 < int(server.pttl(state(server))) <= 24 * 60 * 60 * 1000


def test_a_throttle_names_the_version_of_its_server(throttle: Limits) -> None:
    assert throttle().ping()[:1].isdigit()
