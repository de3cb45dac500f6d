"""Plain Celery, a task a text: the Celery application of the side that we compare with.

It is meant to be good: connections are pooled and kept, statements are prepared, commits are as
few as its guarantees allow, and each thread keeps a connection to Twilio of its own, because the
official client pools fewer than there are threads. Unlike ours it may text twice when a worker
dies.
"""

from datetime import timedelta

import psycopg
from celery import Celery
from celery.signals import worker_init
from psycopg_pool import ConnectionPool

from messaging.local.bench.plain import THREADS
from messaging.local.official import client
from messaging.settings import current

_settings = current()
_SELECT = "select phone, body from texts where id = %s and status <> 'sent'"
_BEGIN = "update texts set status = 'processing' where id = %s"
_END = "update texts set status = 'sent', sid = %s, sent_at = clock_timestamp() where id = %s"

app = Celery("plain", broker=_settings.celery_broker_url)
app.conf.update(
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": timedelta(hours=1).total_seconds()},
    task_acks_late=True,
    task_default_queue="plain",
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    worker_send_task_events=True,
)
_pool = ConnectionPool(
    _settings.database_url.get_secret_value(),
    kwargs={"autocommit": True},
    min_size=THREADS,
    max_size=THREADS,
    open=False,
)


@app.task(  # type: ignore[untyped-decorator]  # celery has no annotations
    name="plain.send",
    autoretry_for=(psycopg.OperationalError, OSError),  # OSError: what requests raises
    retry_backoff=True,
    max_retries=5,
)
def send(id: int) -> None:
    """Sends one text and marks its row."""
    with _pool.connection() as conn:
        row = conn.execute(_SELECT, [id]).fetchone()
        if row is None:
            return
        conn.execute(_BEGIN, [id])
    phone, body = row
    message = client(_settings).messages.create(
        to=phone, body=body, messaging_service_sid=_settings.twilio_messaging_service_sid
    )
    with _pool.connection() as conn:
        conn.execute(_END, [message.sid, id])


@worker_init.connect  # type: ignore[untyped-decorator]
def _open(**_: object) -> None:
    _pool.open(wait=True)
