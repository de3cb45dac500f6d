"""Whether a process that lives has ceased to work."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a process that takes tasks from the broker sees of itself at one moment.

    `waiting` is how many tasks wait in its queues, None where the broker does not answer; `done`
    changes whenever it has taken, begun or ended one; `has_room` is whether it could take another.
    """

    waiting: int | None
    done: tuple[int, ...]
    has_room: bool


@dataclass(slots=True)
class Standstill:
    """Counts looks in a row at which a process stood still without a reason.

    Looks are counted and not seconds: one that was itself frozen for an hour has looked once.
    """

    most: int
    """Looks after which it is stuck."""
    _before: tuple[int, ...] | None = None
    _looks: int = field(default=0, init=False)

    def is_stuck(self, look: Look) -> bool:
        """Whether the process is to be given up, after one more look.

        Not one that is busy, that waits for the broker, or whose queues are empty.
        """
        stood = look.waiting and look.has_room and look.done == self._before
        self._before = look.done
        self._looks = self._looks + 1 if stood else 0
        return self._looks >= self.most
