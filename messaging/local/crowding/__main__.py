"""Runs it, prints the figures, and fails where a text is lost, doubled or charged with a retry."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from messaging.local.crowding.options import CrowdOptions
from messaging.local.crowding.run import run
from messaging.local.drill import perform
from messaging.local.pacing.run import where

_DEFAULTS = CrowdOptions()


def main(arguments: Sequence[str]) -> int:
    """Returns 1 where not every text was sent once, or one was charged with a retry."""
    return perform(lambda say: run(_options(arguments), say))


def _options(arguments: Sequence[str]) -> CrowdOptions:
    parser = argparse.ArgumentParser(
        prog="python -m messaging.local.crowding",
        description="Sends texts while Twilio takes fewer requests at once than there would be, "
        "and says how much of that was used.",
    )
    for name, said in _NUMBERS.items():
        usual = getattr(_DEFAULTS, name)
        parser.add_argument(f"--{name}", type=int, metavar="N", default=usual, help=said)
    usual = _DEFAULTS.thinks / timedelta(milliseconds=1)
    parser.add_argument("--thinks", type=float, metavar="MS", default=usual, help="ms a request")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    given = vars(parser.parse_args(arguments))
    return CrowdOptions(
        **{name: given[name] for name in _NUMBERS},
        thinks=timedelta(milliseconds=given["thinks"]),
        report=where(given["json"]),
    )


_NUMBERS = {
    "messages": "texts that wait from the beginning",
    "second": "our own limit a second, 0 for none",
    "workers": "worker processes",
    "admitted": "requests that Twilio takes at once",
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
