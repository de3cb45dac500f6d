"""A caller to be killed: hands a text over, and commits or not.

`python -m tests.crash.caller NUMBER BODY commit|wait` prints a line once the text is enqueued.
"""

import sys
from threading import Event

import psycopg

from messaging import Draft, Messaging
from messaging.settings import current

NAME = "caller to be killed"
"""Of its session."""


def main(number: str, body: str, then: str) -> None:
    """Enqueues in a transaction of its own; `wait` never commits it."""
    settings = current()
    with (
        psycopg.connect(settings.database_url.get_secret_value(), application_name=NAME) as conn,
        Messaging(settings) as messaging,
    ):
        messaging.enqueue(Draft(to=number, body=body), conn=conn)
        print("enqueued", flush=True)
        if then == "wait":
            Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
