"""The throttle: never more sends in a window than the limit, whoever asks and however often."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis

from messaging.local.process import wait_until
from messaging.redis.throttle import Grant, Throttle
from messaging.settings import load

SECOND_KEY, MINUTE_KEY = "messaging:throttle:second", "messaging:throttle:minute"
ZERO = timedelta(0)

Limits = Callable[..., Throttle]


@pytest.fixture
def throttle(redis_url: str) -> Iterator[Limits]:
    """Makes throttles with these limits, as many as asked for, over the same server."""
    made: list[Throttle] = []

    def limited(second: int | None = None, minute: int | None = None) -> Throttle:
        environment = {
            "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
            "REDIS_URL": redis_url,
            "TWILIO_RATE_LIMIT_PER_SECOND": str(second or ""),
            "TWILIO_RATE_LIMIT_PER_MINUTE": str(minute or ""),
        }
        made.append(Throttle(load(environment)))
        return made[-1]

    yield limited
    for each in made:
        each.close()


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def age(server: redis.Redis, key: str, milliseconds: int) -> None:
    """Lets time pass for the grants of a limit: each was made that much earlier."""
    for number, at in times(server, key).items():
        server.zadd(key, {number: at - milliseconds})


def times(server: redis.Redis, key: str) -> dict[str, float]:
    """Every grant of a limit, and when it was made, oldest first."""
    return {number: float(server.zscore(key, number) or 0) for number in numbers(server, key)}


def numbers(server: redis.Redis, key: str) -> list[str]:
    return [str(number) for number in server.zrange(key, 0, -1)]


def slots(throttle: Throttle, wanted: int) -> int:
    return throttle.take(wanted).slots


def test_without_limits_everything_is_granted_and_nothing_kept(
    throttle: Limits, server: redis.Redis
) -> None:
    free = throttle()
    grant = free.take(1000)
    assert Grant(slots=1000, wait=ZERO, first=0, paused="") == grant
    free.give_back(grant, 500)
    assert [] == server.keys("*")


@pytest.mark.parametrize(
    ("second", "minute", "granted"), [(3, None, 3), (None, 4, 4), (3, 4, 3), (5, 2, 2)]
)
def test_no_more_is_granted_than_the_strictest_limit(
    throttle: Limits, second: int | None, minute: int | None, granted: int
) -> None:
    limited = throttle(second, minute)
    first, next_one = limited.take(10), limited.take(10)
    assert (granted, "", 0, "") == (
        first.slots,
        first.paused,
        next_one.slots,
        next_one.paused,
    )
    assert ZERO < next_one.wait <= timedelta(minutes=1, milliseconds=1)


def test_what_is_left_is_granted_in_parts(throttle: Limits) -> None:
    limited = throttle(second=5)
    grants = [limited.take(2) for _ in range(4)]
    assert [2, 2, 1, 0] == [grant.slots for grant in grants]
    assert [1, 3, 5] == [grant.first for grant in grants[:3]]
    assert [True, True, False, False] == [grant.wait == ZERO for grant in grants]


def test_the_wait_is_until_the_oldest_grant_leaves_the_window(
    throttle: Limits, server: redis.Redis
) -> None:
    limited = throttle(second=1, minute=10)
    limited.take(1)
    age(server, SECOND_KEY, 600)
    assert ZERO < limited.take(1).wait <= timedelta(milliseconds=401)
    age(server, SECOND_KEY, 400)
    assert 1 == slots(limited, 1)


def test_the_longer_window_makes_the_longer_wait(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=2, minute=2)
    limited.take(2)
    age(server, SECOND_KEY, 1000)
    grant = limited.take(1)
    assert 0 == grant.slots
    assert timedelta(seconds=50) < grant.wait <= timedelta(seconds=60, milliseconds=1)


def test_slots_come_back_as_grants_leave_the_window(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(second=10)
    assert 4 == slots(limited, 4)
    age(server, SECOND_KEY, 500)
    assert 6 == slots(limited, 10)
    age(server, SECOND_KEY, 500)
    assert 4 == slots(limited, 10)
    age(server, SECOND_KEY, 500)
    assert 6 == slots(limited, 10)


def test_many_who_ask_at_once_never_get_more_than_the_limit(throttle: Limits) -> None:
    askers = [throttle(minute=500) for _ in range(8)]

    def ask(asker: Throttle) -> int:
        return sum(slots(asker, 7) for _ in range(40))

    with ThreadPoolExecutor(8) as pool:
        assert 500 == sum(pool.map(ask, askers))


def test_no_window_of_a_second_ever_holds_more_than_the_limit(
    throttle: Limits, server: redis.Redis
) -> None:
    """The minute's set keeps the time of every grant, as the script's own clock had it."""
    limit, wanted = 40, 100
    askers = [throttle(second=limit, minute=10_000) for _ in range(4)]

    def ask(asker: Throttle) -> None:
        assert wait_until(lambda: bool(asker.take(3)) and granted() >= wanted, limit=20)

    def granted() -> int:
        return int(server.zcard(MINUTE_KEY))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, askers))
    made = list(times(server, MINUTE_KEY).values())
    assert wanted <= len(made)
    gaps = [later - earlier for earlier, later in zip(made, made[limit:], strict=False)]
    assert [] == [gap for gap in gaps if gap < 1000]


def test_every_slot_has_a_number_of_its_own(throttle: Limits, server: redis.Redis) -> None:
    askers = [throttle(minute=300) for _ in range(6)]

    def ask(asker: Throttle) -> list[int]:
        grants = [asker.take(5) for _ in range(20)]
        return [number for g in grants if g.slots for number in range(g.first, g.first + g.slots)]

    with ThreadPoolExecutor(6) as pool:
        granted = [number for found in pool.map(ask, askers) for number in found]
    assert list(range(1, 301)) == sorted(granted)
    assert {str(number) for number in granted} == set(numbers(server, MINUTE_KEY))


def test_unused_slots_go_to_the_next_who_asks(throttle: Limits) -> None:
    one, other = throttle(second=100, minute=5), throttle(second=100, minute=5)
    grant = one.take(5)
    one.give_back(grant, 0)
    assert 0 == slots(other, 5)
    one.give_back(grant, 2)
    assert 2 == slots(other, 5)


def test_giving_back_twice_frees_nothing_more(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(minute=5)
    grant = limited.take(5)
    limited.give_back(grant, 2)
    limited.give_back(grant, 2)
    assert {"1", "2", "3"} == set(numbers(server, MINUTE_KEY))


def test_a_pause_stops_everybody_and_says_why(throttle: Limits) -> None:
    one, other, free = throttle(second=5), throttle(minute=5), throttle()
    assert None is other.paused()
    one.pause(timedelta(seconds=30), "Twilio refused our credentials")
    for each in (one, other, free):
        grant = each.take(3)
        assert (0, "Twilio refused our credentials") == (grant.slots, grant.paused)
        assert timedelta(seconds=20) < grant.wait <= timedelta(seconds=30)
        assert "Twilio refused our credentials" == each.paused()


def test_a_pause_ends_by_itself_and_has_cost_no_slots(throttle: Limits) -> None:
    limited = throttle(minute=5)
    limited.pause(timedelta(milliseconds=50), "a moment")
    limited.take(3)
    assert wait_until(lambda: limited.paused() is None, limit=5)
    assert Grant(slots=5, wait=ZERO, first=1, paused="") == limited.take(5)


def test_a_server_that_was_wiped_counts_anew(throttle: Limits, server: redis.Redis) -> None:
    limited = throttle(minute=5)
    old = limited.take(5)
    server.flushall()
    assert 5 == slots(limited, 9)
    limited.give_back(old, 1)
    assert 1 == slots(limited, 9)


def test_what_the_throttle_keeps_expires_with_its_window(
    throttle: Limits, server: redis.Redis
) -> None:
    throttle(second=5, minute=5).take(1)
    assert 0 < int(server.pttl(SECOND_KEY)) <= 1000
    assert 1000 < int(server.pttl(MINUTE_KEY)) <= 60_000


def test_a_throttle_names_the_version_of_its_server(throttle: Limits) -> None:
    assert throttle().ping()[:1].isdigit()


def test_a_server_that_is_away_is_an_error_and_no_grant() -> None:
    away = load(
        {
            "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
            "REDIS_URL": "redis://127.0.0.1:9/0",
        }
    )
    throttle = Throttle(away)
    with pytest.raises(redis.RedisError):
        throttle.take(1)
    throttle.close()
