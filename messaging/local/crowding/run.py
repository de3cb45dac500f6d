"""The story of one run: start everything, let Twilio refuse what is too much, read the ledger."""

import json
from collections.abc import Callable
from typing import LiteralString

from messaging.local.bench.jobs import Jobs
from messaging.local.bench.site import Site
from messaging.local.crowding.found import CrowdFound
from messaging.local.crowding.options import CrowdOptions
from messaging.local.pacing.windows import Arrival
from messaging.local.processes import BEAT, BRIDGE, WORKER
from messaging.local.throwaway import new_folder
from messaging.redis.throttle import Throttle

Say = Callable[[str], None]

_SPARE = 240.0
"""Seconds that a run may take beyond what Twilio's own limit makes of it."""
_CHARGED: LiteralString = """
select
  sum(retry_count)::int,
  sum(attempt - 1)::int,
  (
    select count(*)
    from messaging.message_events
    where details ->> 'reason' like 'the time to send ran out%'
  )
from public.message_jobs
"""


def run(options: CrowdOptions, say: Say) -> CrowdFound:
    """Raises Unreachable where something does not start, or the texts are not sent in time."""
    with new_folder("crowding") as folder, Site(folder, options.thinks) as site:
        site.twilio.admit(options.admitted)
        say(f"handing over {options.messages:,} texts")
        jobs = Jobs(site, "messaging")
        with jobs.handing_over(options.messages):
            pass
        before = site.twilio.requests()
        for number in range(1, options.workers + 1):
            site.start_command(WORKER, number, **options.environment)
        for command in (BRIDGE, BEAT):
            site.start_command(command, 1, **options.environment)
        say(f"sending at most {options.second} a second, of which Twilio takes {options.allowed:g}")
        limit = options.messages / options.allowed + _SPARE
        site.wait_until(jobs.is_done, limit, "all texts are sent", look=0.5)
        found = _found(site, options, before)
    if options.report:
        options.report.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    return found


def _found(site: Site, options: CrowdOptions, before: int) -> CrowdFound:
    ledger = sorted(site.twilio.ledger(), key=lambda one: one.at)
    distinct = len({(one.to, one.body) for one in ledger})
    row = site.connect("messaging").execute(_CHARGED).fetchone()
    retries, attempts, missed = row or (0, 0, 0)
    throttle = Throttle(site.settings)
    openings = throttle.breakers.openings()
    throttle.close()
    return CrowdFound(
        arrivals=[Arrival(at=one.at) for one in ledger],
        allowed=options.allowed,
        lost=options.messages - distinct,
        repeated=len(ledger) - distinct,
        refused=site.twilio.requests() - before - len(ledger),
        retries=retries,
        attempts=attempts,
        missed=missed,
        openings=openings,
    )
