"""The line from the bridge to a worker: what a worker fetches first, asked of a real Valkey."""

import subprocess
import sys

_FETCHES = """
from messaging.celery import app

app.amqp.queues.select(["deliver.urgent", "deliver.normal"])
for queue in ("deliver.normal", "deliver.urgent"):
    for _ in range(3):
        app.send_task("messaging.deliver", args=["urgent", []], queue=queue)

def say(body, message):
    print(message.delivery_info["routing_key"])
    message.ack()

with app.connection_for_read() as connection:
    with app.amqp.TaskConsumer(connection.default_channel, callbacks=[say]):
        for _ in range(6):
            connection.drain_events(timeout=10)
"""


def test_a_worker_fetches_urgent_tasks_first(environment: dict[str, str]) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _FETCHES],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ["deliver.urgent"] * 3 + ["deliver.normal"] * 3 == told.stdout.split()
