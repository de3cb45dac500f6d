"""Celery's settings: queues, routes, the beat schedule, the fuse.

Celery only hurries. No result is kept, and nothing is acknowledged so that it comes again: what
must not be lost is in Postgres, and a Celery message is a hint that may vanish or come twice.
"""

from datetime import timedelta
from typing import Any

from kombu.entity import Exchange, Queue

from messaging import runs
from messaging.settings import current

_settings = current()
_MINUTE = timedelta(minutes=1)

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
    # In the order of a process's --queues.
    "queue_order_strategy": "priority",
    # No retry_on_timeout: it silently turns batch publishing off.
}
broker_transport_options = _FOR_REDIS if broker_url.startswith(("redis", "unix")) else {}

task_serializer = "json"
accept_content = ["json"]
result_backend = None
task_ignore_result = True
task_create_missing_queues = False
task_default_queue = runs.UPKEEP
task_queues = [
    Queue(name, Exchange(name), routing_key=name)
    for name in ("deliver.urgent", "deliver.normal", runs.BRIDGE, runs.UPKEEP)
]
task_routes = {"messaging.bridge": {"queue": runs.BRIDGE}}

worker_consumer = "messaging.consumer:SteadyConsumer"
worker_send_task_events = True  # for Flower
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
worker_soft_shutdown_timeout = 20
worker_cancel_long_running_tasks_on_connection_loss = False

# `rate_limit` counts the tasks of one worker: a fuse. The limits that hold over all workers are
# the throttle's, in Redis.
task_annotations = {"messaging.deliver": {"rate_limit": _settings.tasks_per_second}}


def _each(time: timedelta, task: str) -> dict[str, Any]:
    return {
        "task": f"messaging.{task}",
        "schedule": time,
        "args": (),
        "kwargs": {},
        "options": {"expires": runs.STALE.total_seconds()},
    }


beat_scheduler = "celery.beat:Scheduler"  # in memory: every entry is an interval
beat_max_loop_interval = 5
beat_enable_remote_control = True  # `celery inspect ping -d celerybeat@host` is its liveness
beat_schedule = {
    "runs": _each(runs.EACH, "begin_runs"),
    "recur": _each(_MINUTE, "recur"),
    "set-clocks": _each(_MINUTE, "set_clocks"),
    "follow": _each(_MINUTE, "follow"),  # texts handed over before it was switched off, too
}
if _settings.keeps_processes and not _settings.keeps_for_a_time:
    beat_schedule["retain"] = _each(10 * _MINUTE, "retain")
if _settings.missed_texts_every:
    beat_schedule["find-missed"] = _each(_settings.missed_texts_minutes * _MINUTE, "find_missed")
if _settings.twilio_native_scheduling:
    beat_schedule["hand-over"] = _each(_MINUTE / 2, "hand_over")
