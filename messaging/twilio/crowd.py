"""The crowd: how many requests at once Twilio takes from this process, found out as TCP does.

Twilio answers 429 (error 20429) where an account has too many requests at once, and does not say
how many are too many. Each answer that is another one allows a little more, up to one for each
round of them; a 429 takes a part away. What began before that has no say in it any more.
"""

_LESS = 0.7
"""What a 429 leaves of the requests that were under way."""


class Crowd:
    """Use it in one loop only. Times are readings of one clock, in seconds."""

    def __init__(self, most: int) -> None:
        """At most so many at once, which are allowed until Twilio says otherwise."""
        self._most = most
        self._allowed = float(most)
        self._changed_at = 0.0

    @property
    def allowed(self) -> int:
        """How many may be under way now: one at least."""
        return int(self._allowed)

    @property
    def is_narrowed(self) -> bool:
        """Whether Twilio takes fewer than it might be given."""
        return self.allowed < self._most

    def passed(self) -> None:
        """An answer came that was no 429."""
        self._allowed = min(self._allowed + 1 / self._allowed, float(self._most))

    def refused(self, *, under_way: int, began: float, now: float) -> bool:
        """A 429 came for a request that `began` then; whether requests were sent one by one, and
        are refused all the same: then it is of no use to send others."""
        if began < self._changed_at:
            return False
        self._changed_at, before = now, self._allowed
        self._allowed = max(1.0, min(before, under_way) * _LESS)
        return before < 2
