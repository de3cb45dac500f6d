"""Exit codes, for scripts. `docs/reference/command-line.md` tells them to people."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command came to."""

    OK = 0
    TROUBLE = 1
    """Something of ours does not work: settings, Postgres, Redis, Twilio's credentials."""
    REFUSED = 2
    """What was typed or handed in is wrong. Nothing was done."""
    NOT_FOUND = 3
    """There is no such message or template."""
    UNSUCCESSFUL = 4
    """It was tried and did not come off: the message failed, rows were refused, too late."""
    TIMED_OUT = 5
    """The message had not ended when the time to wait was over."""
