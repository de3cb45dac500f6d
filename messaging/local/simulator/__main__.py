"""`python -m messaging.local.simulator`: the simulator as a process of its own.

Secrets come from the environment (TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_API_KEY,
TWILIO_API_SECRET, TWILIO_MESSAGING_SERVICE_SID), never from the command line, which every user
of the machine can read.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from messaging.errors import Misconfigured
from messaging.garbage import collect_seldom
from messaging.local.simulator.config import Config
from messaging.local.simulator.rules import Rule
from messaging.local.simulator.server import run

_FROM_ENVIRONMENT = {
    "account_sid": "TWILIO_ACCOUNT_SID",
    "auth_token": "TWILIO_AUTH_TOKEN",
    "api_key": "TWILIO_API_KEY",
    "api_secret": "TWILIO_API_SECRET",
}


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        config = configure(arguments, environment)
    except ValidationError as error:
        for problem in error.errors():
            print(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
        return 2
    collect_seldom()
    try:
        run(config)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot listen on {config.host}:{config.port}: {error}.", file=sys.stderr)
        return 1
    return 0


def configure(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """The configuration that options and environment ask for. Raises ValidationError."""
    options = {name: value for name, value in vars(_read(arguments)).items() if value is not None}
    for name, variable in _FROM_ENVIRONMENT.items():
        if environment.get(variable):
            options[name] = environment[variable]
    if environment.get("TWILIO_MESSAGING_SERVICE_SID"):
        options["messaging_services"] = [environment["TWILIO_MESSAGING_SERVICE_SID"]]
    return TypeAdapter(Config).validate_python(options)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="messaging simulator", description=__doc__)
    option = parser.add_argument
    option("--host", help="address to listen on (127.0.0.1)")
    option("--port", default=8010, help="port to listen on (8010); 0 takes a free one")
    option("--seed", help="the same seed gives the same faults (0)")
    option("--number", action="append", dest="numbers", help="a sender of the pool; repeatable")
    option("--inbound-url", help="where inbound texts are posted to")
    option("--status-callback", help="the Messaging Service's own callback URL")
    option("--latency-ms", help="every request waits this long (0)")
    option("--queued-ms", nargs=2, metavar=("LEAST", "MOST"), help="until sent (20 60)")
    option("--delivered-ms", nargs=2, metavar=("LEAST", "MOST"), help="then (100 300)")
    option("--segments-per-second", help="what one sender may send (no limit)")
    option("--concurrent-requests", help="more than this at once get 429 (no limit)")
    option("--ledger-file", help="keep what was accepted in this file of JSON lines")
    option(
        "--fault",
        action="append",
        dest="faults",
        type=TypeAdapter(Rule).validate_json,
        metavar="JSON",
        help="""a fault rule, e.g. '{"kind": "error_after", "share": 0.1}'; repeatable""",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
