"""What is put into Celery's queues by others is refused in plain words, and the worker lives."""

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import redis

from messaging.local.process import wait_until

SECRET = "+14155550123 hush"
QUEUE = "deliver.normal"
ID = uuid4().hex
NONE: list[object] = ["", [], None]
"""No hints."""
PLAIN: dict[str, object] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class Trap:
    """An object that leaves a file behind wherever somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._path}",)


def message(
    content: object,
    task: object = "messaging.deliver",
    headers: Mapping[str, object] | None = None,
    properties: Mapping[str, object] | None = None,
    *,
    content_type: object = "application/json",
    content_encoding: object = "utf-8",
) -> str:
    """A Celery message as it lies in Redis; bytes as content are taken as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    told = {"lang": "py", "task": task, "id": ID, "argsrepr": "", "retries": 0}
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-type": content_type,
            "content-encoding": content_encoding,
            "headers": {**told, **(headers or {})},
            "properties": {
                "correlation_id": ID,
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "delivery_mode": 2,
                "delivery_tag": ID,
                "priority": 0,
                "body_encoding": "base64",
                **(properties or {}),
            },
        }
    )


def deliver(*args: object, **more: object) -> list[object]:
    """What a message to send a chunk holds."""
    return [list(args), more, PLAIN]


GOOD = message(deliver("normal", NONE))
NO_MESSAGES: Mapping[str, str | bytes] = {
    "a text": SECRET,
    "bytes": b"\xff\xfe",
    "a list": json.dumps([SECRET]),
    "a number": "7",
    "nothing": "null",
    "deep": "[" * 100_000,
    "an object": json.dumps({"a": SECRET}),
    "no headers": message([], headers=None).replace('"headers"', '"a"'),
    "headers in a list": json.dumps({**json.loads(GOOD), "headers": [SECRET]}),
    "no properties": json.dumps({**json.loads(GOOD), "properties": None}),
    "no tag": json.dumps({**json.loads(GOOD), "properties": {"delivery_info": {}}}),
    "no base64": GOOD.replace('"body": "', '"body": "A'),
    "another encoding": message([], properties={"body_encoding": SECRET}),
    "packed": message([], headers={"compression": "zlib"}),
}
NO_TASKS = {
    "a task of somebody": message([], task=f"evil {SECRET}"),
    "a task of Celery's": message([[SECRET], {}, PLAIN], task="celery.chord_unlock"),
    "a map": message([[{"task": "messaging.promote"}, [[1]]], {}, PLAIN], task="celery.map"),
    "a task that there is not": message([], task="messaging.drop"),
    "a number as its task": message([], task=7),
    "a long task": message([], task="a" * 100_000),
    "the old protocol": message({"task": SECRET, "id": ID}, task=None),
}
NO_JSON = {
    "no JSON": message(SECRET.encode()),
    "deep JSON": message(b"[" * 100_000),
    "YAML": message(SECRET.encode(), content_type="application/x-yaml"),
    "no type": message(SECRET.encode(), content_type=None),
    "an unknown type": message(SECRET.encode(), content_type=SECRET),
    "an unknown encoding": message([], content_encoding=SECRET),
}
NOT_ASKED = {
    "an object": message({"a": SECRET}),
    "a number": message(7),
    "nothing": message([]),
    "two parts": message([["normal", NONE], {}]),
    "an unknown lane": message(deliver(SECRET, NONE)),
    "no lane": message(deliver({"a": SECRET}, NONE)),
    "a text of hints": message(deliver("normal", SECRET)),
    "no hints": message(deliver("normal", None)),
    "hints in a list": message(deliver("normal", [{"a": SECRET}])),
    "hints in an object": message(deliver("normal", {"a": SECRET})),
    "hints one by one": message(deliver("normal", [[ID, 1]])),
    "ids that are none": message(deliver("normal", ["z" * 32, [1], None])),
    "ids in a list": message(deliver("normal", [[ID], [1], None])),
    "an id too short": message(deliver("normal", [ID[:-1], [1], None])),
    "an id too many": message(deliver("normal", [ID * 2, [1], None])),
    "entries that are none": message(deliver("normal", [ID, SECRET, None])),
    "an entry that is none": message(deliver("normal", [ID, [SECRET], None])),
    "an entry that is true": message(deliver("normal", [ID, [True], None])),
    "an entry below zero": message(deliver("normal", [ID, [-1], None])),
    "an entry beyond Postgres": message(deliver("normal", [ID, [10**40], None])),
    "an entry too many": message(deliver("normal", [ID, [1, 2], None])),
    "segments that are none": message(deliver("normal", [ID, [1], SECRET])),
    "segments of a text": message(deliver("normal", [ID, [1], [SECRET]])),
    "segments without end": message(deliver("normal", [ID, [1], [10**12]])),
    "segments below zero": message(deliver("normal", [ID, [1], [-5]])),
    "no segments": message(deliver("normal", [ID, [1], [0]])),
    "true segments": message(deliver("normal", [ID, [1], [True]])),
    "segments too many": message(deliver("normal", [ID, [1], [1, 1]])),
    "long hints": message(deliver("normal", [ID, [1], None, None])),
    "more words": message(deliver("normal", NONE, SECRET)),
    "named words": message(deliver("normal", NONE, more=SECRET)),
    "what comes then": message([["normal", NONE], {}, PLAIN | {"chain": [{"task": SECRET}]}]),
    "whom to call": message([["normal", NONE], {}, PLAIN | {"callbacks": [{"task": SECRET}]}]),
    "a time that is none": message(deliver("normal", NONE), headers={"eta": SECRET}),
    "a time far off": message(
        deliver("normal", NONE), headers={"eta": "9999-12-31T00:00:00+00:00", "retries": 1}
    ),
    "an end that is none": message(deliver("normal", NONE), headers={"expires": SECRET}),
    "retries that are none": message(deliver("normal", NONE), headers={"retries": SECRET}),
    "retries without end": message(deliver("normal", NONE), headers={"retries": 10**9}),
    "limits": message(deliver("normal", NONE), headers={"timelimit": [SECRET, SECRET]}),
    "another name": message(deliver("normal", NONE), headers={"shadow": SECRET}),
    "stamps": message(deliver("normal", NONE), headers={"stamped_headers": [SECRET]}),
    "a long id": message(deliver("normal", NONE), headers={"id": "a" * 100_000}),
    "a long header": message(deliver("normal", NONE), headers={"argsrepr": "a" * 100_000}),
    "no id": message(deliver("normal", NONE), headers={"id": None}),
    "a run without end": message([["normal"], {"lasting": 1e9}, {}], task="messaging.bridge"),
    "a run to infinity": message(b'[[],{"lasting":Infinity},{}]', task="messaging.promote"),
    "a run that is none": message([[], {"every": SECRET}, {}], task="messaging.promote"),
    "a run without a pause": message([[], {"every": 0}, {}], task="messaging.promote"),
    "words to a run": message([[SECRET], {}, {}], task="messaging.promote"),
}
FORGED = {
    "It is no": NO_MESSAGES,
    "It names": NO_TASKS,
    "Its content": NO_JSON,
    "It asks": NOT_ASKED,
}

_ALL_OF_OURS = """
from kombu.utils.uuid import uuid
from messaging.celery import app
from messaging.domain.entries import Hint
from messaging.line import Line, TASK, packed
from messaging import runs
from messaging.screening import why_strange
from messaging.settings import current
from uuid import UUID

app.loader.import_default_modules()
app.amqp.queues.select(["deliver.normal", "bridge", "upkeep"])
for entry in app.conf.beat_schedule.values():
    app.send_task(entry["task"], entry["args"], entry["kwargs"], **entry["options"])
begun = runs.begin(app, current())
hints = [Hint(job_id=UUID(int=7), msg_id=2**62, segments=n % 3 + 1) for n in range(100)]
chunk = ["normal", packed(hints)]
app.send_task(TASK, chunk, queue="deliver.normal")
app.send_task(TASK, chunk, queue="deliver.normal", countdown=8, retries=3)
sent = len(app.conf.beat_schedule) + begun + 2
found = []

def look(message):
    found.append(why_strange(message, app.tasks, app.now()))
    message.ack()

with app.connection_for_read() as connection:
    with app.amqp.TaskConsumer(connection.default_channel, on_message=look):
        while len(found) < sent:
            connection.drain_events(timeout=10)
print(sent > 5, set(found))
"""


def test_all_that_we_send_ourselves_is_ours(environment: dict[str, str]) -> None:
    told = run(environment, "-c", _ALL_OF_OURS)
    assert "True {None}" == told.strip()


def test_nothing_that_others_put_there_is_run_or_shown_and_the_worker_lives(
    environment: dict[str, str], redis_url: str, tmp_path: Path
) -> None:
    pickled = message(
        pickle.dumps(Trap(tmp_path / "trapped")),
        content_type="application/x-python-serialize",
        content_encoding="binary",
    )
    log = tmp_path / "worker.log"
    words = ["--queues", QUEUE, "--pool", "threads", "--concurrency", "2", "--loglevel", "DEBUG"]
    with log.open("w") as file, redis.Redis.from_url(redis_url) as client:
        for forged in FORGED.values():
            client.lpush(QUEUE, *forged.values())
        client.lpush(QUEUE, pickled, GOOD)
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "messaging.celery", "worker", *words],
            env={**environment, "HOME": str(tmp_path)},
            stdout=file,
            stderr=file,
        )
        try:
            assert wait_until(lambda: "chunk_delivered" in log.read_text(), limit=60)
            assert None is worker.poll()
            assert 0 == client.llen(QUEUE)
        finally:
            worker.terminate()
            worker.wait(30)
    said = log.read_text()
    assert not (tmp_path / "trapped").exists()
    assert "hush" not in said
    assert "4155550123" not in said
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if "message_refused" in line]
    assert sorted(FORGED) == sorted(start for start in FORGED for line in lines if start in line)


def run(environment: dict[str, str], *words: str) -> str:
    """What a Python program prints."""
    return subprocess.run(
        [sys.executable, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
