"""`messaging chaos`: hurts everything on purpose, and says what was lost or doubled."""

import sys

from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.local.chaos import ChaosOptions, picture, run, write
from messaging.local.stopping import INTERRUPTED, stoppable


def chaos(screen: Screen, options: ChaosOptions) -> int:
    """Runs it and shows the report; returns the exit code.

    Raises Refused where the report could not be written, and other MessagingErrors where
    something does not start.
    """

    def say(sentence: str) -> None:
        if not screen.json:
            # Not through rich: a line that Ctrl-C interrupts would be printed twice.
            print(sentence, file=sys.stderr, flush=True)  # noqa: T201

    with stoppable():
        try:
            outcome = run(options, say)
        except KeyboardInterrupt:
            say("Stopped. Nothing of it runs any more.")
            return INTERRUPTED
    if options.report:
        write(options.report, outcome)
    screen.show(outcome, *picture(outcome))
    return ExitCode.OK if outcome.is_passed else ExitCode.TROUBLE
