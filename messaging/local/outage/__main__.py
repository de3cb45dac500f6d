"""Runs it, prints the figures, and fails where a text is lost, doubled or charged with a retry."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from messaging.local.drill import perform
from messaging.local.outage.options import Kind, OutageOptions
from messaging.local.outage.run import run
from messaging.local.pacing.run import where

_DEFAULTS = OutageOptions()


def main(arguments: Sequence[str]) -> int:
    """Returns 1 where not every text was sent once, or one was charged with a retry."""
    return perform(lambda say: run(_options(arguments), say))


def _options(arguments: Sequence[str]) -> OutageOptions:
    parser = argparse.ArgumentParser(
        prog="python -m messaging.local.outage",
        description="Sends texts while Twilio refuses our credentials, answers 500 to everything, "
        "or cannot be reached, and says what that cost.",
    )
    parser.add_argument("--kind", choices=[*Kind], action="append", help="only this one")
    for name, said in _NUMBERS.items():
        usual = getattr(_DEFAULTS, name)
        parser.add_argument(f"--{name}", type=int, metavar="N", default=usual, help=said)
    seconds = _DEFAULTS.outage / timedelta(seconds=1)
    parser.add_argument("--outage", type=float, metavar="S", default=seconds, help="seconds each")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    given = vars(parser.parse_args(arguments))
    return OutageOptions(
        **{name: given[name] for name in _NUMBERS},
        kinds=[Kind(kind) for kind in given["kind"] or Kind],
        outage=timedelta(seconds=given["outage"]),
        report=where(given["json"]),
    )


_NUMBERS = {
    "messages": "texts for each outage",
    "second": "the limit a second, 0 for none",
    "workers": "worker processes",
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
