"""Celery's settings: queues, routes, the beat schedule, the fuse.

Celery only hurries. No result is kept, no message is acknowledged late, no task has an eta: what
must not be lost is in Postgres, and a Celery message is a hint that may vanish or come twice.
"""

from datetime import timedelta
from typing import Any

from kombu.entity import Exchange, Queue

from messaging.domain.job import Lane
from messaging.settings import current

_settings = current()

broker_url = _settings.celery_broker_url
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # Redis may be away for long; workers wait for it
broker_pool_limit = 10

_FOR_REDIS: dict[str, Any] = {
    # Postgres leases own recovery, so Redis need not keep what a worker has taken: 3.8 times
    # the messages a second.
    "ack_emulation": False,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    # In the order of a worker's --queues: urgent first, whenever a thread is free.
    "queue_order_strategy": "priority",
    # No retry_on_timeout: it silently turns batch publishing off.
}
broker_transport_options = _FOR_REDIS if broker_url.startswith(("redis", "unix")) else {}

task_serializer = "json"
accept_content = ["json"]
result_backend = None
task_ignore_result = True
task_create_missing_queues = False
task_default_queue = "upkeep"
task_queues = [
    Queue(name, Exchange(name), routing_key=name)
    for name in ("deliver.urgent", "deliver.normal", "bridge", "upkeep")
]
task_routes = {"messaging.bridge": {"queue": "bridge"}}

worker_consumer = "messaging.consumer:SteadyConsumer"
worker_send_task_events = True  # for Flower
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
worker_soft_shutdown_timeout = 20
worker_cancel_long_running_tasks_on_connection_loss = False

# `rate_limit` counts the tasks of one worker: a fuse. The limits that hold over all workers are
# the throttle's, in Redis.
task_annotations = {"messaging.deliver": {"rate_limit": _settings.tasks_per_second}}

_STALE = 120  # seconds after which a periodic task is not worth running; clocks may differ by less


_RUN = 20
"""Seconds that a run lasts, whose task does its work again and again; then beat starts the next."""


def _each(seconds: float, task: str, *args: str, **more: float) -> dict[str, Any]:
    return {
        "task": f"messaging.{task}",
        "schedule": timedelta(seconds=seconds),
        "args": args,
        "kwargs": more,
        "options": {"expires": _STALE},
    }


def _every(seconds: float, task: str) -> dict[str, Any]:
    return _each(_RUN, task, every=seconds, lasting=_RUN)


beat_scheduler = "celery.beat:Scheduler"  # in memory: every entry is an interval
beat_max_loop_interval = 5
beat_enable_remote_control = True  # `celery inspect ping -d celerybeat@host` is its liveness
beat_schedule = {
    "promote": _every(1, "promote"),
    "bridge-urgent": _each(_RUN, "bridge", Lane.URGENT, lasting=_RUN),
    "bridge-normal": _each(_RUN, "bridge", Lane.NORMAL, lasting=_RUN),
    "sweep": _every(5, "sweep"),
    "reconcile": _every(3, "reconcile"),
    "take-back": _every(2, "take_back"),
    "recur": _each(60, "recur"),
    "set-clocks": _each(60, "set_clocks"),
    "follow": _each(60, "follow"),  # texts handed over before the option was switched off, too
}
if _settings.keeps_jobs or _settings.keeps_journal or _settings.keeps_dead:
    beat_schedule["retain"] = _every(1, "retain")
elif _settings.keeps_processes:
    beat_schedule["retain"] = _each(600, "retain")
if _settings.missed_texts_every:
    beat_schedule["find-missed"] = _each(60 * _settings.missed_texts_minutes, "find_missed")
if _settings.twilio_native_scheduling:
    beat_schedule["hand-over"] = _each(30, "hand_over")
