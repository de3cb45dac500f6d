"""The crowd: how many requests at once Twilio takes from this process, found out as TCP does.

Twilio answers 429 (error 20429) where an account has too many requests at once, and does not say
how many are too many. Each answer that is another one allows a little more: one for each round of
them, but more slowly where the last one was refused. A 429 shows that no more than the others fit,
and once a round takes a part away: it comes at once, while what Twilio took is under way for a
whole round.
"""

_LESS = 0.9
"""What the first 429 of a round leaves."""
_SLOWLY = 6
"""Rounds before one more is tried than fitted when Twilio last refused one."""
_ROUND = 0.2
"""Seconds that an answer takes, where none is known."""
_READYING = 0.25
"""Seconds from taking room for a text to its request: leave, the claim, and the slot."""
_FORGOTTEN = 30.0
"""Seconds after the last 429 from which on each answer allows one more: a round, twice as many."""
_ALONE = 4
"""So many single requests in a row are refused before it is of no use to send others."""
REST = 0.25
"""Seconds that a single request which was refused is left alone."""


class Crowd:
    """Use it in one loop only. Times are readings of one clock, in seconds."""

    def __init__(self, most: int) -> None:
        """At most so many at once, which are allowed until Twilio says otherwise."""
        self._most = most
        self._allowed = self._fitted = float(most)
        self.allowed = most
        """How many may be under way now: one at least."""
        self._changed_at = self._refused_at = 0.0
        self._round = _ROUND
        self._alone = 0

    def claimable(self, under_way: int) -> int:
        """How many texts may be claimed, while so many of them are under way: of these some end
        until another one that is claimed now is ready, and no lane is to wait for it."""
        return self.allowed + int(under_way * min(1.0, _READYING / self._round))

    @property
    def is_narrowed(self) -> bool:
        """Whether Twilio takes fewer than it might be given."""
        return self.allowed < self._most

    @property
    def is_to_rest(self) -> bool:
        """Whether even a single request was refused just now."""
        return bool(self._alone)

    def passed(self, *, began: float, now: float) -> None:
        """An answer came that was no 429, for a request that `began` then."""
        self._alone = 0
        self._round += (now - began - self._round) / 8
        self._allow(min(self._allowed + self._more(now), float(self._most)))

    def refused(self, *, under_way: int, began: float, now: float) -> bool:
        """A 429 came for a request that `began` then, one of so many; whether requests were sent
        one by one for a while, and are refused all the same: then it is no use to send others."""
        self._refused_at = now
        self._allow(max(1.0, min(self._allowed, under_way - 1.0)))
        self._fitted = min(self._fitted, self._allowed)
        if began >= self._changed_at and now >= self._changed_at + self._round:
            self._changed_at, self._fitted = now, self._allowed
            self._allow(max(1.0, self._allowed * _LESS))
        if under_way > 1:
            return False
        self._alone += 1
        if self._alone < _ALONE:
            return False
        self._alone = 0
        return True

    def _allow(self, requests: float) -> None:
        self._allowed, self.allowed = requests, int(requests)

    def _more(self, now: float) -> float:
        """How many more one answer allows."""
        if now - self._refused_at > _FORGOTTEN:
            return 1.0
        is_at_the_edge = self._fitted <= self._allowed < self._fitted + 1
        return 1 / self._allowed / (_SLOWLY if is_at_the_edge else 1)
