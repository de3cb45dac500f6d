"""Plain Celery, a task a text: the Celery application that is hurt for comparison.

It has what people who know Celery well would give it: late acks, tasks of lost workers rejected
so that they come back, a visibility timeout of seconds, retries with a backoff, timeouts, a row
that is marked before and after. It is the official client, as its documentation uses it.
"""

import os
from functools import lru_cache

import psycopg
from celery import Celery
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout
from twilio.base.exceptions import TwilioException, TwilioRestException

from messaging.local.chaos.side import VISIBILITY
from messaging.local.official import client
from messaging.settings import current

_CONNECTIONS = 10
_SELECT = "select phone, body from texts where id = %s and status <> 'sent'"
_BEGIN = "update texts set status = 'processing' where id = %s"
_END = "update texts set status = 'sent', sid = %s where id = %s"
_FAIL = "update texts set status = 'failed', error_code = %s where id = %s"

_settings = current()

app = Celery("plain", broker=_settings.celery_broker_url)
app.conf.update(
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"visibility_timeout": VISIBILITY},
    task_acks_late=True,
    task_default_queue="plain",
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
)


@app.task(  # type: ignore[untyped-decorator]  # celery has no annotations
    name="plain.send",
    # OSError is what requests raises, TwilioException what the client makes of an HTTP 500.
    autoretry_for=(psycopg.OperationalError, PoolTimeout, OSError, TwilioException),
    retry_backoff=1,
    retry_backoff_max=5,
    max_retries=10,
)
def send(id: int) -> None:
    """Sends one text and marks its row."""
    with _pool(os.getpid()).connection() as conn:
        row = conn.execute(_SELECT, [id]).fetchone()
        if row is None:
            return
        conn.execute(_BEGIN, [id])
    sid, code = _send(*row)
    with _pool(os.getpid()).connection() as conn:
        if sid:
            conn.execute(_END, [sid, id])
        else:
            conn.execute(_FAIL, [code, id])


def _send(phone: str, body: str) -> tuple[str | None, int | None]:
    """The SID, or the code with which Twilio refused the text."""
    try:
        message = client(_settings).messages.create(
            to=phone, body=body, messaging_service_sid=_settings.twilio_messaging_service_sid
        )
    except TwilioRestException as error:
        if error.status >= 500 or error.status == 429:
            raise
        return None, error.code
    return message.sid, None


@lru_cache(maxsize=1)
def _pool(_process: int) -> ConnectionPool[Connection[TupleRow]]:
    """Of this process: connections do not survive a fork."""
    return ConnectionPool(
        _settings.database_url.get_secret_value(),
        kwargs={"autocommit": True, "connect_timeout": 5},
        min_size=0,
        max_size=_CONNECTIONS,
        timeout=10,
        check=ConnectionPool.check_connection,
        open=True,
    )
