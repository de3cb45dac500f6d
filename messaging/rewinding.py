"""Sets messages that wait for a time on a wall clock anew, once the time zones have changed."""

from datetime import datetime

from messaging.domain import zones
from messaging.domain.zones import instant_of, zone
from messaging.errors import Refused
from messaging.postgres import hours
from messaging.postgres.hours import OnClock
from messaging.runtime import Runtime

_AT_ONCE = 1000


def set_clocks(rt: Runtime) -> int:
    """Sets what older time zones, or Postgres's own, have set; how many they were.

    Those of the newest release stay: two processes with different ones do not fight.
    """
    count = 0
    while True:
        with rt.db.connection() as conn:
            behind = hours.behind_the_zones(conn, zones.version(), _AT_ONCE)
            times = [(job, _instant(job)) for job in behind]
            done = hours.set_times(conn, times, zones.version()) if times else 0
        count += done
        if done < _AT_ONCE:
            return count


def _instant(job: OnClock) -> datetime | None:
    """None for a zone that only Postgres knows: the message is refused when it is prepared."""
    try:
        return instant_of(job.local_time, zone(job.time_zone))
    except Refused:
        return None
