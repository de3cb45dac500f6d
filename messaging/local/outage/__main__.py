"""Runs it, prints the figures, and fails where a text is lost, doubled or charged with a retry."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from messaging.errors import MessagingError
from messaging.local.outage.options import Kind, OutageOptions
from messaging.local.outage.run import run
from messaging.local.pacing.run import where
from messaging.local.stopping import INTERRUPTED, stoppable

_DEFAULTS = OutageOptions()


def main(arguments: Sequence[str]) -> int:
    """Returns 1 where not every text was sent once, or one was charged with a retry."""
    with stoppable():
        try:
            found = run(_options(arguments), _say)
        except KeyboardInterrupt:
            _say("Stopped. Nothing of it runs any more.")
            return INTERRUPTED
        except MessagingError as error:
            _say(str(error))
            return 1
    print("\n".join(found.sentences()))
    return 0 if found.holds else 1


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


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
