"""`python -m messaging.web`: the web process, until it is told to stop."""

import sys

import uvicorn

from messaging import events, settings
from messaging.errors import Misconfigured
from messaging.garbage import collect_seldom
from messaging.web.app import build
from messaging.web.connection import connections
from messaging.web.server import serve


def main() -> int:
    """Serves until SIGINT or SIGTERM; 2 where the settings are wrong."""
    try:
        given = settings.load()
    except Misconfigured as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - settings decide how to log, and are wrong
        return 2
    events.configure(given)
    app = build(given)
    collect_seldom()
    config = uvicorn.Config(
        app,
        host=given.host,
        port=given.port,
        loop="auto",
        http=connections(),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return serve(config)


if __name__ == "__main__":
    sys.exit(main())
