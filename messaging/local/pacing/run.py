"""The story of one run: start everything, hand the texts over, hurt it, read the ledger."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

from pydantic import SecretStr

from messaging.domain.job import URGENT_ABOVE
from messaging.errors import Unreachable
from messaging.local.bench import latency
from messaging.local.bench.jobs import Jobs
from messaging.local.bench.site import Site
from messaging.local.pacing import chart, texts
from messaging.local.pacing.found import Found
from messaging.local.pacing.options import PacingOptions
from messaging.local.pacing.troubles import Troubles
from messaging.local.pacing.windows import Arrival
from messaging.local.processes import BEAT, BRIDGE, WORKER
from messaging.local.throwaway import new_folder
from messaging.outbox import Messaging

Say = Callable[[str], None]

_THINKS = timedelta(milliseconds=50)
_LOOK = 0.05
_SPARE = 240.0
"""Seconds that a run may take beyond what its limit makes of it."""
_URGENT = "An urgent text"
_MISSED: LiteralString = """
select
  count(*) filter (where details ->> 'reason' like 'the time to send ran out%%'),
  count(*) filter (
    where details ->> 'answer' = 'in doubt'
    or details ->> 'reason' = 'the worker did not come back'
  )
from messaging.message_events
"""


def run(options: PacingOptions, say: Say) -> Found:
    """Raises Unreachable where something does not start, or the texts are not sent in time."""
    with new_folder("pacing") as folder, Site(folder, _THINKS) as site:
        say(f"handing over {options.messages:,} texts")
        jobs = Jobs(site, "messaging")
        _hand_over(site, options)
        workers = _start(site, options)
        troubles = Troubles(site, options, workers)
        committed = dict(_urgent(jobs, options, troubles))
        if options.urgent:
            site.wait_until(lambda: _arrived(site) == options.urgent, 30, "urgent texts are sent")
        else:
            _wait(jobs, options, troubles, say)
        found = _found(site, options, troubles, committed)
    if options.report:
        options.report.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    if options.chart:
        options.chart.write_text(chart.svg(found), encoding="utf-8")
    return found


def _hand_over(site: Site, options: PacingOptions) -> None:
    url = SecretStr(site.url_of("messaging"))
    messaging = Messaging(site.settings.model_copy(update={"database_url": url}))
    with site.connect("messaging").transaction():
        messaging.enqueue_many(texts.drafts(options.messages, mixed=options.mixed))
    messaging.close()


def _start(site: Site, options: PacingOptions) -> list[str]:
    numbers = range(1, options.workers + 1)
    workers = [site.start_command(WORKER, number, **options.environment) for number in numbers]
    for command in (BRIDGE, BEAT):
        site.start_command(command, 1, **options.environment)
    site.wait_until(lambda: any(True for _ in site.twilio.ledger()), 60, "the first text is sent")
    return workers


def _wait(jobs: Jobs, options: PacingOptions, troubles: Troubles, say: Say) -> None:
    end = time.monotonic() + options.units / options.rate + _SPARE
    say(f"sending, at most {options.rate:g} {options.unit} a second")
    looked = 0.0
    while True:
        troubles.step()
        time.sleep(_LOOK)
        if time.monotonic() - looked > 1:
            looked = time.monotonic()
            if jobs.is_done():
                return
        if time.monotonic() > end:
            raise Unreachable("Not all texts were sent in the time that there was for them.")


def _urgent(jobs: Jobs, options: PacingOptions, troubles: Troubles) -> Iterator[tuple[str, float]]:
    """Urgent texts, one by one, and when each was committed."""
    pauses = latency.Pauses()
    for number in range(options.urgent):
        body = f"{_URGENT}, number {number}"
        yield body, jobs.hand_over_one(body, priority=URGENT_ABOVE + 1)
        troubles.step()
        pauses.pause()


def _arrived(site: Site) -> int:
    return sum(1 for _ in site.twilio.ledger(_URGENT))


def _found(
    site: Site, options: PacingOptions, troubles: Troubles, committed: dict[str, float]
) -> Found:
    ledger = list(site.twilio.ledger())
    counted = options.unit == "segments"
    row = site.connect("messaging").execute(_MISSED, []).fetchone()
    missed, doubted = row or (0, 0)
    return Found(
        arrivals=[Arrival(at=one.at, units=one.segments if counted else 1) for one in ledger],
        limits=options.limits,
        repeated=len(ledger) - len({(one.to, one.body) for one in ledger}),
        missed=missed,
        doubted=doubted,
        quiet_until=troubles.begin,
        kills=troubles.done.kills,
        wipes=troubles.done.wipes,
        lags=_lags(site, committed),
    )


def _lags(site: Site, committed: dict[str, float]) -> Sequence[float]:
    """Milliseconds from each commit to its request, without the time that Twilio thinks."""
    thinks = _THINKS / timedelta(milliseconds=1)
    return [lag - thinks for lag in latency.arrivals(site, _URGENT, committed)] if committed else []


def where(written: str | None) -> Path | None:
    """The file of this name, if one is named. Raises Unreachable where it has no folder."""
    if not written:
        return None
    if not Path(written).absolute().parent.is_dir():
        raise Unreachable(f"There is no folder to write {written} to.")
    return Path(written)
