"""The line from the bridge to a worker: what a worker fetches, asked of a real Valkey."""

import subprocess
import sys
from collections import Counter

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


def test_normal_tasks_that_wait_to_be_acknowledged_hold_up_no_urgent_ones(
    environment: dict[str, str],
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _FETCHES],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    fetched = {"deliver.urgent": 3, "deliver.normal": NORMAL_AHEAD}
    assert fetched == Counter(told.stdout.split())
