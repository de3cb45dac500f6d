"""Runs it, prints the figures, and fails where a limit does not hold."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from messaging.local.drill import perform
from messaging.local.pacing.options import PacingOptions
from messaging.local.pacing.run import run, where

_DEFAULTS = PacingOptions()


def main(arguments: Sequence[str]) -> int:
    """Returns 1 where a window held more than its limit and one, or a text was sent twice."""
    return perform(lambda say: run(_options(arguments), say))


def _options(arguments: Sequence[str]) -> PacingOptions:
    parser = argparse.ArgumentParser(
        prog="python -m messaging.local.pacing",
        description="Sends texts at a rate limit while workers are killed and Redis is emptied, "
        "and says how many the fullest second and minute held.",
    )
    for name, said in _NUMBERS.items():
        usual = getattr(_DEFAULTS, name)
        parser.add_argument(f"--{name}", type=int, metavar="N", default=usual, help=said)
    for name, said in _TIMES.items():
        seconds = getattr(_DEFAULTS, name) / timedelta(seconds=1)
        parser.add_argument(f"--{name}", type=float, metavar="S", default=seconds, help=said)
    parser.add_argument("--unit", choices=("messages", "segments"), default=_DEFAULTS.unit)
    parser.add_argument("--mixed", action="store_true", help="every other text has three segments")
    parser.add_argument("--chart", metavar="FILE", help="draw it here, as SVG")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    given = vars(parser.parse_args(arguments))
    return PacingOptions(
        **{name: given[name] for name in _NUMBERS},
        quiet=timedelta(seconds=given["quiet"]),
        trouble=timedelta(seconds=given["trouble"]),
        every=timedelta(seconds=given["every"]),
        unit=given["unit"],
        mixed=given["mixed"],
        chart=where(given["chart"]),
        report=where(given["json"]),
    )


_NUMBERS = {
    "messages": "texts that wait from the beginning",
    "second": "the limit a second, 0 for none",
    "minute": "the limit a minute, 0 for none",
    "workers": "worker processes",
    "wipes": "how often Redis is emptied",
    "urgent": "urgent texts, sent one by one meanwhile; the run ends with them",
}
_TIMES = {
    "quiet": "seconds before there is trouble",
    "trouble": "seconds of trouble",
    "every": "seconds from one kill to the next",
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
