"""Claims jobs, in one statement with whoever claims at the same time."""

from collections.abc import Sequence
from functools import partial

from messaging.domain.job import Claim, JobId
from messaging.postgres import jobs
from messaging.runtime import Runtime
from messaging.steps.standing import standings


def claim(
    rt: Runtime, ids: Sequence[JobId], *, urgent: bool = False
) -> tuple[Sequence[Claim], float]:
    """The jobs that are ours to send now, and until when, on the monotonic clock.

    What their recipients said about being texted is asked in a statement of its own, after the
    claim: it has a later snapshot, and whoever carries out a STOP waits for claims that began
    before it was known (`optout.carry_out`). Where it cannot be known, nothing is claimed.

    Urgent ones go with urgent ones: a statement for thousands of others takes long. Raises
    Misconfigured for a key that is missing, and what the database raises where it is away; then
    nothing may be sent.
    """
    company = rt.urgent_claims if urgent else rt.claims
    return company.join(ids, together=partial(_together, rt), alone=partial(_alone, rt))


def _together(
    rt: Runtime, group: Sequence[Sequence[JobId]]
) -> Sequence[tuple[Sequence[Claim], float]]:
    if len(group) == 1:
        return [_alone(rt, group[0])]
    # A job that two callers want is the first one's.
    callers = {id: caller for caller, ids in reversed(list(enumerate(group))) for id in ids}
    claims, write_before = _alone(rt, list(callers))
    theirs: list[list[Claim]] = [[] for _ in group]
    for one in claims:
        theirs[callers[one.id]].append(one)
    return [(ours, write_before) for ours in theirs]


def _alone(rt: Runtime, ids: Sequence[JobId]) -> tuple[Sequence[Claim], float]:
    with rt.db.connection() as conn:
        # Once there is a connection: waiting for one must not use the time up.
        write_before = rt.monotonic() + rt.settings.send_deadline
        said = partial(standings, conn, keyring=rt.settings.keyring)
        return jobs.claim(conn, ids, rt.settings.lease, rt.settings.caps, said), write_before
