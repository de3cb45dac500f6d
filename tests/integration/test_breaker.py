"""The breakers in Redis: who is stopped, who has the probe, and what a wipe does."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from messaging import bridge, delivery
from messaging.domain.breaker import Passage
from messaging.domain.entries import Hint
from messaging.domain.job import Lane
from messaging.domain.verdict import Scope, Verdict
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.redis.throttle import Grant, Throttle
from messaging.runtime import Runtime
from messaging.settings import load
from messaging.twilio.room import Room
from tests.integration.story import entries, forget, insert, row, stop, stopped, take, work

Database = Connection[TupleRow]
Make = Callable[..., Throttle]

WORKS = Verdict(account=True, sender=True)
SILENCE = Verdict(account=False, reason="silence")
NUMBER, ANOTHER = "+15550006789", "+15550006780"
SECRET = "5ecret5ecret5ecret5ecret5ecret55"


@pytest.fixture
def make(redis_url: str) -> Iterator[Make]:
    """Makes throttles over the same server, with these settings."""
    made: list[Throttle] = []

    def throttle(**more: str) -> Throttle:
        environment = {
            "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
            "REDIS_URL": redis_url,
            "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
            "TWILIO_AUTH_TOKEN": SECRET,
            "TWILIO_FROM": NUMBER,
            **more,
        }
        made.append(Throttle(load(environment)))
        return made[-1]

    yield throttle
    for each in made:
        each.close()


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def ask(throttle: Throttle, texts: int = 20) -> Grant:
    return throttle.leave([1] * texts, Lane.NORMAL)


def close(throttle: Throttle) -> None:
    """Twilio takes a text."""
    throttle.breakers.note(ask(throttle, 1).passage, [WORKS])


def be_due(server: redis.Redis, throttle: Throttle) -> None:
    """The time for the next probe comes."""
    for key in throttle.breakers.keys[:2]:
        if server.hget(key, "state") == "open":
            server.hset(key, "probe_at", 0)


def opened(throttle: Throttle) -> set[str]:
    return {one.scope for one in throttle.breakers.standing() if one.is_open}


def test_a_closed_breaker_lets_everything_through(make: Make) -> None:
    throttle = make()
    close(throttle)
    assert (20, "") == (ask(throttle).texts, ask(throttle).passage.probe)


def test_an_open_breaker_stops_everybody_and_says_why(make: Make, server: redis.Redis) -> None:
    one, other, paced = make(), make(), make(TWILIO_RATE_LIMIT_PER_SECOND="5")
    close(one)
    stop(one, "20003: wrong")
    for each in (one, other, paced):
        grant = ask(each)
        assert (0, "20003: wrong") == (grant.texts, grant.paused)
        assert timedelta(seconds=1) < grant.wait <= timedelta(seconds=5)
    assert [] == server.keys("messaging:throttle:*"), "it costs no slots"


def test_one_of_many_has_the_probe_and_it_closes_the_breaker_for_all(
    make: Make, server: redis.Redis
) -> None:
    askers = [make() for _ in range(4)]
    close(askers[0])
    stop(askers[0], "20003: wrong")
    be_due(server, askers[0])
    with ThreadPoolExecutor(4) as pool:
        grants = list(pool.map(ask, askers * 4))
    (probe,) = [grant for grant in grants if grant.texts]
    assert (1, (Scope.ACCOUNT,)) == (probe.texts, probe.passage.probed)
    waits = {(grant.paused, grant.wait <= timedelta(milliseconds=100)) for grant in grants}
    assert {("", True)} == waits, "the others wait for what it says"
    assert [Scope.ACCOUNT] == [
        change.scope for change in askers[1].breakers.note(probe.passage, [WORKS])
    ]
    assert [20] * 4 == [ask(asker).texts for asker in askers]


def test_a_probe_that_fails_opens_it_for_longer(make: Make, server: redis.Redis) -> None:
    throttle = make(MESSAGING_BREAKER_FIRST_WAIT="10", MESSAGING_BREAKER_LONGEST_WAIT="25")
    close(throttle)
    stop(throttle, "20003: wrong")
    waits = [ask(throttle).wait]
    for _ in range(3):
        be_due(server, throttle)
        throttle.breakers.note(ask(throttle).passage, [SILENCE])
        waits.append(ask(throttle).wait)
    assert [10, 20, 25, 25] == [pytest.approx(wait.total_seconds(), abs=2) for wait in waits]


def test_the_probe_of_a_worker_that_died_is_anothers_after_a_while(
    make: Make, server: redis.Redis
) -> None:
    throttle = make()
    close(throttle)
    stop(throttle, "20003: wrong")
    be_due(server, throttle)
    lost = ask(throttle).passage
    key = throttle.breakers.keys[0]
    seconds = (int(server.hget(key, "probe_until") or 0) - server.time()[0] * 10**6) / 10**6
    assert 18 < seconds <= 21, "longer than a request takes"
    assert 0 == ask(throttle).texts
    server.hset(key, "probe_until", 0)
    found = ask(throttle).passage
    assert found.probe not in ("", lost.probe)
    assert [] == throttle.breakers.note(lost, [SILENCE]), "it comes too late"
    assert {"account"} == opened(throttle)
    throttle.breakers.note(found, [WORKS])
    assert set() == opened(throttle)


def test_forgotten_it_lets_single_texts_through_until_one_is_answered(
    make: Make, server: redis.Redis
) -> None:
    throttle, other = make(), make()
    assert (1, ()) == (ask(throttle).texts, ask(throttle).passage.probed)
    assert 0 == ask(other).texts
    for key in throttle.breakers.keys[:2]:
        server.hset(key, "probe_until", 0)
    second = ask(other)
    assert 1 == second.texts, "nobody waits for an answer that does not come"
    assert None is throttle.outlook(Lane.NORMAL).most, "the bridge does as always"
    other.breakers.note(second.passage, [WORKS])
    assert 20 == ask(throttle).texts


def test_a_wipe_in_an_outage_costs_a_few_texts(make: Make, server: redis.Redis) -> None:
    throttle = make()
    close(throttle)
    stop(throttle, "20003: wrong")
    server.flushall()
    grant = ask(throttle)
    assert 1 == grant.texts
    throttle.breakers.note(
        grant.passage, [Verdict(account=False, at_once=True, reason="20003: wrong")]
    )
    assert (0, "20003: wrong") == (ask(throttle).texts, ask(throttle).paused)


def test_failures_open_it_where_they_are_many_of_many(make: Make) -> None:
    throttle = make()
    close(throttle)
    calm = ask(throttle).passage
    throttle.breakers.saw(10)
    throttle.breakers.note(calm, [SILENCE] * 9)
    assert set() == opened(throttle)
    throttle.breakers.saw(10)
    ask(throttle)  # tells Redis of these
    throttle.breakers.note(calm, [SILENCE] * 5)
    assert set() == opened(throttle)
    throttle.breakers.note(calm, [SILENCE] * 20)
    assert {"account"} == opened(throttle)


def test_many_that_see_the_same_open_it_once(make: Make) -> None:
    throttles = [make() for _ in range(4)]
    close(throttles[0])
    passages = [ask(throttle).passage for throttle in throttles]

    def note(number: int) -> int:
        refused = Verdict(account=False, at_once=True, reason="20003: wrong")
        return len(throttles[number].breakers.note(passages[number], [refused]))

    with ThreadPoolExecutor(4) as pool:
        assert 1 == sum(pool.map(note, range(4)))


def test_what_was_let_through_before_it_opened_has_no_say_once_it_is_closed(
    make: Make, server: redis.Redis
) -> None:
    throttle = make()
    close(throttle)
    early = ask(throttle).passage
    stop(throttle, "20003: wrong")
    be_due(server, throttle)
    close(throttle)
    assert [] == throttle.breakers.note(early, [SILENCE] * 50)
    late = ask(throttle).passage
    assert [] == throttle.breakers.note(late, [SILENCE] * 9), "the others were not counted"
    assert 20 == ask(throttle).texts


@pytest.mark.parametrize(
    ("scope", "more", "is_stopped"),
    [
        (Scope.SENDER, {"TWILIO_FROM": ANOTHER}, False),
        (Scope.SENDER, {}, True),
        (Scope.ACCOUNT, {"TWILIO_FROM": ANOTHER}, True),
        (Scope.ACCOUNT, {"TWILIO_ACCOUNT_SID": "AC" + "2" * 32}, False),
        (Scope.ACCOUNT, {"TWILIO_AUTH_TOKEN": "another"}, False),
        (
            Scope.ACCOUNT,
            {"TWILIO_API_KEY": "SK" + "1" * 32, "TWILIO_API_SECRET": "another"},
            False,
        ),
        (Scope.ACCOUNT, {"TWILIO_API_BASE_URL": "http://127.0.0.1:9"}, False),
    ],
)
def test_an_account_stops_its_senders_and_a_sender_nobody_else(
    make: Make, scope: Scope, more: dict[str, str], is_stopped: bool
) -> None:
    one, other = make(), make(**more)
    close(one)
    if ask(other, 1).passage.probe:
        other.breakers.note(Passage(), [WORKS])
    stop(one, "no", scope)
    assert is_stopped is (ask(other).texts == 0)


def test_a_sender_and_its_account_are_probed_together(make: Make, server: redis.Redis) -> None:
    throttle = make()
    close(throttle)
    stop(throttle, "21660: not ours", Scope.SENDER)
    be_due(server, throttle)
    server.delete(throttle.breakers.keys[0])
    grant = ask(throttle)
    assert (1, (Scope.SENDER,)) == (grant.texts, grant.passage.probed)
    throttle.breakers.note(grant.passage, [Verdict(account=True, sender=False, reason="no")])
    assert ({"sender"}, "no") == (opened(throttle), ask(throttle).paused)


def test_no_key_has_a_number_or_a_secret_in_it_and_all_expire(
    make: Make, server: redis.Redis
) -> None:
    throttle = make(TWILIO_RATE_LIMIT_PER_SECOND="5")
    close(throttle)
    throttle.breakers.saw(3)
    ask(throttle)
    stop(throttle, f"The number {NUMBER} is not ours", Scope.SENDER)
    kept = [(key, server.hgetall(key)) for key in throttle.breakers.keys if server.exists(key)]
    assert 2 <= len(kept)
    assert not any(word in str(kept) for word in (NUMBER, SECRET))
    assert all(0 < server.ttl(key) <= 24 * 60 * 60 for key in server.keys("messaging:*"))


def test_a_probe_takes_one_slot_and_closing_brings_no_burst(
    make: Make, server: redis.Redis
) -> None:
    throttle = make(TWILIO_RATE_LIMIT_PER_SECOND="50")
    close(throttle)
    stop(throttle, "20003: wrong")
    be_due(server, throttle)
    (state,) = (key for key in server.keys("messaging:throttle:*") if server.type(key) == "hash")
    server.hset(state, mapping={"free": 0, "spent": 0})
    probe = ask(throttle)
    assert (1, 2) == (probe.texts, len(probe.told))
    throttle.breakers.note(probe.passage, [WORKS])
    assert ask(throttle).told[0] >= probe.told[1]


def told(server: redis.Redis, throttle: Throttle) -> int:
    """How many texts Redis was told of that Twilio took."""
    results = server.hgetall(throttle.breakers.keys[2])
    return sum(int(number) for name, number in results.items() if str(name).endswith("p"))


def test_while_twilio_takes_no_more_at_once_it_is_told_within_a_moment_what_it_takes(
    rt: Runtime, db: Database, twilio: Simulator, server: redis.Redis
) -> None:
    """Whoever is refused meanwhile must see that it is for others; no text may ask for leave."""
    close(rt.throttle)
    slow = Rule(kind=Kind.SLOW, count=2, delay_ms=400)
    before = told(server, rt.throttle)
    fault = twilio.faults.add(slow)
    insert(db)
    work(rt)
    twilio.faults.remove(fault)
    assert before == told(server, rt.throttle), "the next call tells it"
    twilio.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS, count=1))
    insert(db, message_content="one too many")
    work(rt)
    assert rt.twilio.is_crowded
    before = told(server, rt.throttle)
    twilio.faults.add(slow)
    insert(db, message_content="it is taken")
    work(rt)
    assert before + 1 == told(server, rt.throttle)


def test_the_bridge_leaves_entries_alone_while_it_is_open(
    rt: Runtime, db: Database, server: redis.Redis
) -> None:
    for n in range(9):
        insert(db, message_content=f"n {n}")
    close(rt.throttle)
    stop(rt.throttle, "20003: wrong")
    assert [] == handed_out(rt)
    be_due(server, rt.throttle)
    assert [1] == handed_out(rt), "one, to see whether Twilio works again"
    assert [] == handed_out(rt, room=1), "somebody may have it already"
    assert Counter({0: 8, 1: 1}) == leases(db)
    close(rt.throttle)
    assert 8 == sum(handed_out(rt))


def handed_out(rt: Runtime, room: int = 1000) -> list[int]:
    """How many jobs each chunk has of one look of a bridge."""
    rt.stopping.set()  # a run of one look
    found = bridge.chunks(rt, Lane.NORMAL, lambda: room, timedelta(seconds=1))
    return [len(chunk) for chunks in found for chunk in chunks]


def leases(db: Database) -> Counter[int]:
    return Counter(n for (n,) in db.execute("select read_ct from pgmq.q_sms_queue"))


def test_while_it_is_open_no_attempt_is_made_and_all_are_sent_once_afterwards(
    rt: Runtime, db: Database, twilio: Simulator, server: redis.Redis
) -> None:
    fault = twilio.faults.add(Rule(kind=Kind.REJECT, code=20003))
    ids = [insert(db, message_content=f"n {n}") for n in range(6)]
    hints = take(rt)
    with capture_logs() as logs:
        assert 5 == delivery.deliver(rt, Lane.NORMAL, hints).put_off
        assert ["account"] == list(stopped(rt))
        for _ in range(3):
            assert 5 == delivery.deliver(rt, Lane.NORMAL, hints[1:]).put_off
        assert Counter({0: 5, 1: 1}) == Counter(row(db, id).attempt for id in ids)
        be_due(server, rt.throttle)
        assert 4 == delivery.deliver(rt, Lane.NORMAL, hints[1:]).put_off, "a probe"
        twilio.faults.remove(fault)
        be_due(server, rt.throttle)
        assert Counter({"sent": 4}) == delivery.deliver(rt, Lane.NORMAL, hints[2:]).outcomes
    assert {0} == {row(db, id).retry_count for id in ids}
    assert {} == stopped(rt)
    told = [log["event"] for log in logs if log["event"].startswith("breaker")]
    assert [
        "breaker_opened", "breaker_probed", "breaker_opened", "breaker_probed", "breaker_closed",
    ] == told  # fmt: skip


def test_a_probe_whose_text_is_no_more_is_free_for_another(
    rt: Runtime, db: Database, server: redis.Redis
) -> None:
    gone, here = insert(db, message_content="gone"), insert(db, message_content="here")
    close(rt.throttle)
    stop(rt.throttle, "20003: wrong")
    be_due(server, rt.throttle)
    hints: list[Hint] = take(rt)
    db.execute("select messaging.cancel(%s)", [gone])
    assert Counter({"sent": 1}) == delivery.deliver(rt, Lane.NORMAL, hints).outcomes
    assert "sent" == row(db, here).status
    assert {} == stopped(rt)


def test_doubt_stays_doubt_and_opens_it(rt: Runtime, db: Database, twilio: Simulator) -> None:
    close(rt.throttle)
    twilio.faults.add(Rule(kind=Kind.ERROR_BEFORE))
    ids = [insert(db, message_content=f"n {n}") for n in range(30)]
    assert Counter({"in_doubt": 30}) == work(rt).outcomes
    assert {"account": "Twilio answered HTTP 500; it may have sent the text."} == stopped(rt)
    assert {1} == {row(db, id).attempt for id in ids}
    assert 30 == len(entries(db))
    forget(rt.throttle)


def test_a_redis_that_is_away_costs_no_answer(rt: Runtime, db: Database, twilio: Simulator) -> None:
    """It goes between the grant and the note."""
    close(rt.throttle)
    grant = ask(rt.throttle)
    twilio.faults.add(Rule(kind=Kind.REJECT, code=20003))
    id = insert(db)
    hints = take(rt)
    rt.throttle.breakers._note = _Away()  # type: ignore[assignment]
    delivery._deliver_admitted(rt, Lane.NORMAL, hints, grant, Room(1))
    assert "retrying" == row(db, id).status


class _Away:
    """A script whose server does not answer."""

    def __call__(self, **_: object) -> None:
        raise redis.ConnectionError
