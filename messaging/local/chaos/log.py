"""What was really done in a run, and when."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from messaging.local.chaos.outcome import Moment
from messaging.local.chaos.plan import Victim

KILLED = "kill -9: "
"""What the moments of kills begin with."""
IDLE = frozenset({Victim.BEAT, Victim.WEB})
"""Those who never hold a message that is not committed elsewhere."""


@dataclass(slots=True)
class Log:
    """Counts by kind, and the moments of all that may cost somebody the work in its hands."""

    kills: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """How often Twilio misbehaved in each way."""
    moments: list[Moment] = field(default_factory=list)
    """All that was done, in order; seconds since 1970."""
    blows: list[float] = field(default_factory=list)
    """Kills of those who may hold work, in order; seconds since 1970."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def killed(self, victim: Victim) -> None:
        """One was killed just now."""
        with self._lock:
            now = time.time()
            self.kills[victim.value] += 1
            self.moments.append(Moment(at=now, what=f"{KILLED}{victim.value}"))
            if victim not in IDLE:
                self.blows.append(now)

    def happened(self, what: str) -> None:
        """Something else was done."""
        with self._lock:
            self.others[what] += 1
            self.moments.append(Moment(at=time.time(), what=what))
