"""The line from the bridge to a worker: what a worker fetches, asked of a real Valkey."""

import subprocess
import sys
from collections import Counter

import pytest

from messaging.intake import NORMAL_AHEAD

_FETCHES = """
from contextlib import suppress

from messaging.celery import app

app.amqp.queues.select(["deliver.urgent", "deliver.normal"])

def send(queue):
    for _ in range(3):
        app.send_task("messaging.deliver", args=["urgent", []], queue=queue)

def say(body, message):
    queue = message.delivery_info["routing_key"]
    print(queue)
    if queue == "deliver.urgent":
        message.ack()

with app.connection_for_read() as connection:
    with app.amqp.TaskConsumer(connection, callbacks=[say]):
        send("deliver.normal")
        connection.drain_events(timeout=10)
        send("deliver.urgent")
        for _ in range(3):
            connection.drain_events(timeout=10)
        with suppress(TimeoutError):
            connection.drain_events(timeout=1)
"""
_PURGES = """
from messaging.celery import app

for queue in ("deliver.normal", "deliver.urgent", "deliver.normal"):
    app.send_task("messaging.deliver", args=["urgent", []], queue=queue)
print(app.control.purge())
"""
_PUTS_BACK = """
from messaging.celery import app
from messaging.screening import screen

with app.connection_for_read() as connection:
    screen(connection, print)
    print({channel.do_restore for channel in (connection.default_channel, connection.channel())})
"""

_STOPS = """
import sys
from contextlib import suppress
from threading import Timer

from messaging.celery import app
from messaging.screening import screen

app.amqp.queues.select(["deliver.urgent", "deliver.normal"])
with app.connection_for_read() as connection:
    screen(connection, print)
    consumer = app.amqp.TaskConsumer(connection)
    consumer.consume()
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.2)
    consumer.cancel()
    given = ("messaging.deliver", ["urgent", []])
    late = Timer(0.3, app.send_task, given, {"queue": sys.argv[1]})
    late.start()
    consumer.close()
late.join()
print(app.control.purge())
"""


def test_normal_tasks_that_wait_to_be_acknowledged_hold_up_no_urgent_ones(
    environment: dict[str, str],
) -> None:
    fetched = told(_FETCHES, environment).split()
    assert {"deliver.urgent": 3, "deliver.normal": NORMAL_AHEAD} == Counter(fetched)


def test_celerys_purge_throws_away_the_tasks_of_both_lanes(environment: dict[str, str]) -> None:
    assert "3" == told(_PURGES, environment).strip()


@pytest.mark.parametrize("queue", ["deliver.urgent", "deliver.normal"])
def test_a_task_that_redis_gives_to_a_worker_that_stops_goes_back(
    environment: dict[str, str], queue: str
) -> None:
    assert "1" == told(_STOPS, environment, queue).strip()


def test_no_channel_of_a_worker_puts_tasks_back_by_itself(environment: dict[str, str]) -> None:
    """The consumer does, once; kombu writes a file below /tmp where Redis is gone."""
    assert "{False}" == told(_PUTS_BACK, environment).strip()


def told(program: str, environment: dict[str, str], *words: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout
