"""Numbers and texts are in Postgres and at Twilio, and nowhere else."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from messaging import Draft
from tests.acceptance.pages import flower, tasks_with
from tests.stack.batch import Batch
from tests.stack.stack import Stack

TO = "+12025550177"
BODY = "Heartfelt and private"
REJECTED = "+15005550001"
"""Twilio's own number for one that it refuses; its answer repeats the number."""
PRIVATE = (TO[2:], REJECTED[2:], BODY)

_READ = {
    b"string": ("GET",),
    b"list": ("LRANGE", 0, -1),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1),
    b"hash": ("HGETALL",),
}
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


@pytest.fixture(scope="module")
def job(calm: Stack) -> str:
    """The id of a text that was delivered, beside others that failed in every way."""
    bare = calm.db.execute(
        "insert into message_jobs (recipient_phone, message_content) values (%s, %s), (%s, ' ') "
        "returning id",
        [TO + "99", BODY, TO],
    ).fetchall()
    batch = Batch.of(calm, [Draft(to=TO, body=BODY), Draft(to=REJECTED, body=BODY)])
    failed = Batch(stack=calm, ids=[batch.ids[1], *(id for (id,) in bare)])
    calm.wait_until(lambda: failed.are("failed"))
    batch.part(0, 1).assert_delivered_once()
    return str(batch.ids[0])


def private_in(text: str) -> list[str]:
    """The lines that show what nobody is to see."""
    return [line for line in text.splitlines() if any(word in line for word in PRIVATE)]


@pytest.mark.parametrize("path", ["/workers", "/tasks", "/api/tasks", "/api/workers", "/metrics"])
def test_flower_shows_no_number_and_no_text(calm: Stack, job: str, path: str) -> None:
    assert [] == private_in(flower(calm, path))


def test_the_page_of_a_task_shows_no_number_and_no_text(calm: Stack, job: str) -> None:
    calm.wait_until(lambda: len(tasks_with(calm, job)) > 0)
    pages = [flower(calm, f"/task/{id}") for id in tasks_with(calm, job)]
    assert [] == [line for page in pages for line in private_in(page)]


def test_no_process_logs_a_number_or_a_text(calm: Stack, job: str) -> None:
    logs = calm.logs()
    assert 3 <= logs.count("job_failed")
    assert [] == private_in(logs)


def test_redis_holds_no_number_and_no_text(calm: Stack) -> None:
    """The workers are frozen, so that what the bridge hands over stays where it can be read."""
    workers = [calm.children["worker-1"], calm.children["worker-2"]]
    for worker in workers:
        worker.freeze()
    try:
        batch = Batch.of(calm, [Draft(to=TO, body=f"{BODY} {n}") for n in range(40)])
        calm.wait_until(lambda: str(batch.ids[-1]) in held_by_redis(calm))
        held = held_by_redis(calm)
    finally:
        for worker in workers:
            worker.thaw()
    assert [] == private_in(held)
    batch.assert_delivered_once()


def held_by_redis(stack: Stack) -> str:
    """All that is in Redis: as it is, and decoded from base 64, which kombu writes."""
    with redis.Redis.from_url(stack.valkey.url) as client:
        raw = b"\n".join(contents(client))
    decoded = b"\n".join(from_base64(raw))
    return (raw + b"\n" + decoded).decode(errors="replace")


def contents(client: Any) -> Iterator[bytes]:
    """Every key and every value, whatever its type."""
    for key in client.scan_iter():
        kind = client.type(key)
        if kind == b"none":
            continue  # read by somebody since
        verb, *more = _READ[kind]
        read = client.execute_command(verb, key, *more)
        yield key
        yield from flat(read)


def flat(read: object) -> Iterator[bytes]:
    """The values in an answer of Redis."""
    if isinstance(read, bytes):
        yield read
    if isinstance(read, dict):
        read = [*read.keys(), *read.values()]
    for part in read if isinstance(read, list | set) else ():
        yield from flat(part)


def from_base64(raw: bytes) -> Iterator[bytes]:
    """What any part of it means if it is base 64."""
    for found in _BASE64.findall(raw):
        try:
            yield base64.b64decode(found)
        except binascii.Error:
            continue
