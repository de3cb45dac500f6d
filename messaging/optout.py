"""Carries a STOP out: no request to that number starts once it is committed.

It takes two commits. The first, `begin`, lets no further claim through. Then whatever had been
claimed ends: it is sent and settled, or so old that it may not be written any more. The second
commit writes the STOP into the ledger and ends everything that waits.
"""

from collections.abc import Mapping
from datetime import timedelta

from messaging.domain.job import Phone
from messaging.postgres import consent
from messaging.runtime import Runtime

_LOOK_AGAIN = timedelta(milliseconds=15)
_CLOCKS = timedelta(milliseconds=500)
"""More than a claim can take until the time in which it may be written is counted."""


def begin(
    rt: Runtime, phone: Phone, source: str, evidence: Mapping[str, str], by: str | None
) -> None:
    """The first commit, for a STOP that is no text to us. `by` is who asks."""
    with rt.db.connection() as conn:
        consent.begin_stop(conn, phone, source, evidence, by)


def carry_out(rt: Runtime, phone: Phone) -> int:
    """Waits for what is under way and writes the STOP; how many texts it ended.

    Takes as long as a send, at most as long as a claim may be written. Raises what the database
    raises where it is away: then the sweep does it a little later.
    """
    longest = _write_deadline(rt)
    with rt.db.connection() as conn:
        horizon = consent.horizon(conn)
    while not _is_quiet(rt, phone, horizon, longest):
        rt.wait(_LOOK_AGAIN)
        if rt.stopping.is_set():
            return 0
    with rt.db.connection() as conn:
        ended = consent.finish_stop(conn, phone)
    return ended or 0


def _is_quiet(rt: Runtime, phone: Phone, horizon: str, longest: timedelta) -> bool:
    with rt.db.connection() as conn:
        return consent.is_quiet(conn, phone, horizon, longest)


def _write_deadline(rt: Runtime) -> timedelta:
    return timedelta(seconds=rt.settings.send_deadline) + _CLOCKS
