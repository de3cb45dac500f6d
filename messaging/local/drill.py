"""What the drills have in common: how they begin, speak and end."""

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from messaging.errors import MessagingError
from messaging.local.stopping import INTERRUPTED, stoppable

Say = Callable[[str], None]


class Found(Protocol):
    """What a drill has found."""

    @property
    def holds(self) -> bool:
        """Whether nothing went wrong."""

    def sentences(self) -> Sequence[str]:
        """The figures, for people."""


def perform(drill: Callable[[Say], Found]) -> int:
    """Runs it and prints what it has found; returns 0 where all held, and 1 where not."""
    with stoppable():
        try:
            found = drill(_say)
        except KeyboardInterrupt:
            _say("Stopped. Nothing of it runs any more.")
            return INTERRUPTED
        except MessagingError as error:
            _say(str(error))
            return 1
    print("\n".join(found.sentences()))
    return 0 if found.holds else 1


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
