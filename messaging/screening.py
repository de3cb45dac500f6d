"""Screening: which Celery messages are ours. The rest is refused before anything is made of it.

Who may write to Redis may put anything into Celery's queues. A message that Celery cannot take
apart ends its worker, and one that it can is printed whole.
"""

import re
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any

from kombu.connection import Connection
from kombu.exceptions import KombuError
from kombu.message import Message
from kombu.transport import redis, virtual

from messaging.domain.job import Lane
from messaging.line import DIGITS, TASK

LONGEST_BODY = 4_000_000
"""Bytes; a chunk takes about forty a message."""
_LONGEST_HEADER = 10_000
_MOST_SEGMENTS = 100
"""More than a text of 1,600 characters takes."""
_LARGEST_NUMBER = 2**63 - 1
"""Of a queue entry, as Postgres counts them."""
_LONGEST_RUN = 3600.0
"""Seconds; beat's own runs last some dozens."""
_IDS = re.compile(r"[0-9a-f]*")
_SOON = timedelta(minutes=1)
"""A task is tried again within seconds."""
_LANES = frozenset(lane.value for lane in Lane)
_ROUNDS = frozenset(("every", "lasting"))

_BETWEEN_ASKING = 2
"""Seconds after which a process asks Redis again where nothing came; what comes, comes at once.
kombu asks every second. One that stops waits for the end of that."""

_BETWEEN_KEEPING = 60
"""Seconds between two looks at whether the routes to its queue for remote control are to be kept
on: they last an hour, and are renewed after twenty minutes. kombu (5.7) looks every second."""

_UNREADABLE = "It is no message of Celery's."
_NO_TASK = "It names a task that is none of ours."
_NO_JSON = "Its content is not the JSON that Celery writes."
_BAD_TASK = "It asks for what our tasks are never asked."


def screen(connection: Connection, refused: Callable[[str], None]) -> None:
    """Lets a connection to Redis that is not open yet survive what is no message at all, and its
    process sleep for longer."""
    transport = connection.transport
    if isinstance(transport, redis.Transport):
        transport.Channel = partial(_Channel, refused)  # type: ignore[assignment]
        begin = partial(_watch_seldom, transport.register_with_event_loop, transport.cycle)
        transport.register_with_event_loop = begin  # type: ignore[method-assign]


def why_strange(message: Message, tasks: Mapping[str, Any], now: datetime) -> str | None:
    """Why a message is none of ours, without a word of it; None if it is. `tasks` are the app's."""
    headers = message.headers
    if not isinstance(headers, dict) or message.body is None:
        return _UNREADABLE
    task = headers.get("task")
    if not isinstance(task, str) or not task.startswith("messaging.") or task not in tasks:
        return _NO_TASK
    if (message.content_type, message.content_encoding) != ("application/json", "utf-8"):
        return _NO_JSON
    if len(message.body) > LONGEST_BODY:
        return _BAD_TASK
    try:
        content = message.decode()  # type: ignore[no-untyped-call]
    except (KombuError, ValueError, RecursionError):
        return _NO_JSON
    if not (_are_plain(headers, now) and _is_asked(task, content)):
        return _BAD_TASK
    return None


def _are_plain(headers: Mapping[str, Any], now: datetime) -> bool:
    """Whether they ask for nothing but to run the task now, or to try it again in a moment."""
    retries = headers.get("retries") or 0
    if not _is_whole(retries, 10) or not _is_short(headers.get("id")):
        return False
    if any(headers.get(name) for name in ("shadow", "stamps", "stamped_headers", "chord", "group")):
        return False
    if any(headers.get("timelimit") or ()) or any(map(_is_long, headers.values())):
        return False
    return _is_time(headers.get("expires")) and _is_soon(headers.get("eta"), now)


def _is_asked(task: str, content: object) -> bool:
    match content:
        case [[lane, hints], {**named}, {**more}] if task == TASK:
            are_ours = _is_lane(lane) and _are_hints(hints)
        case [[lane], {**named}, {**more}] if task == "messaging.bridge":
            are_ours = _is_lane(lane) and named.keys() <= {"lasting"}
        case [[], {**named}, {**more}]:
            are_ours = task not in (TASK, "messaging.bridge") and named.keys() <= _ROUNDS
        case _:
            return False
    times = all(map(_is_span, named.values())) and named.get("every") != 0
    return are_ours and times and not any(more.values()) and not (task == TASK and named)


def _are_hints(hints: object) -> bool:
    match hints:
        case [str() as ids, [*entries], segments]:
            jobs, left = divmod(len(ids), DIGITS)
            are_numbered = len(entries) == jobs and _are_whole(entries, _LARGEST_NUMBER)
            return (
                not left
                and _IDS.fullmatch(ids) is not None
                and are_numbered
                and _are_segments(segments, jobs)
            )
    return False


def _are_segments(segments: object, jobs: int) -> bool:
    match segments:
        case None:
            return True
        case [*counted]:
            return len(counted) == jobs and 0 not in counted and _are_whole(counted, _MOST_SEGMENTS)
    return False


def _are_whole(numbers: Sequence[Any], most: int) -> bool:
    are_numbers = {int}.issuperset(map(type, numbers))
    return are_numbers and min(numbers, default=0) >= 0 and max(numbers, default=0) <= most


def _is_lane(lane: object) -> bool:
    return isinstance(lane, str) and lane in _LANES


def _is_whole(number: object, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= most


def _is_span(seconds: object) -> bool:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return False
    return isfinite(seconds) and 0 <= seconds <= _LONGEST_RUN


def _is_short(id: object) -> bool:
    return isinstance(id, str) and len(id) <= 200


def _is_long(header: object) -> bool:
    return isinstance(header, str) and len(header) > _LONGEST_HEADER


def _is_time(written: object) -> bool:
    return written is None or _time(written) is not None


def _is_soon(written: object, now: datetime) -> bool:
    if written is None:
        return True
    time = _time(written)
    return time is not None and time.utcoffset() is not None and time <= now + _SOON


def _time(written: object) -> datetime | None:
    try:
        return datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None


def _watch_seldom(register: Callable[..., None], cycle: Any, connection: Any, loop: Any) -> None:
    register(connection, loop)
    cycle._binding_expiry_tref.cancel()
    cycle._binding_expiry_tref = loop.call_repeatedly(
        _BETWEEN_KEEPING, cycle.maybe_refresh_binding_expiry
    )


class _Message(virtual.Message):
    """A message from Redis, which is an empty one where it cannot be taken apart."""

    def __init__(self, payload: object, channel: Any = None, **more: Any) -> None:
        try:
            super().__init__(payload if _is_whole_message(payload) else _NOTHING, channel, **more)  # type: ignore[no-untyped-call]
        except (NoBase64, ValueError, TypeError):
            super().__init__(_NOTHING, channel, **more)  # type: ignore[no-untyped-call]


_NOTHING = {"properties": {"delivery_tag": "", "delivery_info": {}}, "headers": None}


def _is_whole_message(payload: object) -> bool:
    """Whether kombu can make a message of it; one that is packed is never unpacked."""
    match payload:
        case {
            "body": str(),
            "headers": {**headers},
            "properties": {"delivery_tag": str(), "delivery_info": {**_info}, **properties},
        }:
            is_base64 = properties.get("body_encoding") in ("base64", None)
            return is_base64 and headers.get("compression") is None
    return False


class _Channel(redis.Channel):
    """A channel that goes on where what it has taken from a queue is no JSON.

    It puts nothing back into Redis by itself. It would do so with what was fetched and not begun,
    besides the consumer, and write that to a file below /tmp where Redis is gone.
    """

    Message = _Message
    do_restore = False

    def __init__(self, refused: Callable[[str], None], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._refused = refused
        self.brpop_timeout = _BETWEEN_ASKING

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError):
            self._refused(_UNREADABLE)
            return True
