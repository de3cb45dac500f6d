"""What the web process and Flower answer."""

import base64
import json
import urllib.request
from typing import Any

from messaging.local.ports import LOOPBACK
from tests.stack.stack import Stack

_PATIENCE = 10.0


def web(stack: Stack, path: str) -> str:
    """What the web process answers."""
    return _read(urllib.request.Request(f"http://{LOOPBACK}:{stack.web_port}{path}"))


def metrics(stack: Stack) -> dict[str, float]:
    """What /metrics says, by name and labels."""
    lines = [line for line in web(stack, "/metrics").splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def flower(stack: Stack, path: str, *, login: bool = True) -> str:
    """What Flower answers. Raises urllib.error.HTTPError where it refuses."""
    request = urllib.request.Request(f"http://{LOOPBACK}:{stack.flower_port}{path}")
    if login:
        words = stack.environment["FLOWER_BASIC_AUTH"].encode()
        request.add_header("Authorization", f"Basic {base64.b64encode(words).decode()}")
    return _read(request)


def flower_json(stack: Stack, path: str) -> dict[str, Any]:
    """What Flower's API answers."""
    answer: dict[str, Any] = json.loads(flower(stack, path))
    return answer


def tasks_with(stack: Stack, job: str) -> dict[str, dict[str, Any]]:
    """The tasks that carried a job to a worker, by their ids, as Flower knows them."""
    tasks = flower_json(stack, "/api/tasks?taskname=messaging.deliver")
    return {id: task for id, task in tasks.items() if job in str(task["args"])}


def _read(request: urllib.request.Request) -> str:
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
        text: str = answer.read().decode()
        return text
