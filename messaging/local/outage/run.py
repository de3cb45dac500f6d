"""The story of one run: start everything, let Twilio fail and work again, read the ledger."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import LiteralString

from messaging.domain.draft import Draft
from messaging.local.bench import texts
from messaging.local.bench.jobs import Jobs
from messaging.local.outage.found import Found, Outage
from messaging.local.outage.options import Kind, OutageOptions
from messaging.local.outage.site import OutageSite
from messaging.local.pacing.windows import Arrival, fullest
from messaging.local.processes import BEAT, BRIDGE, WORKER
from messaging.local.throwaway import new_folder
from messaging.outbox import Messaging
from messaging.redis.throttle import Throttle

Say = Callable[[str], None]

_DATABASE = "messaging"
_LIMIT = 180.0
"""Seconds that a breaker, or the end of all, is waited for."""
_SECOND = timedelta(seconds=1)
_CLAIMS: LiteralString = "select coalesce(sum(attempt), 0)::int from public.message_jobs"
_UNDER_WAY: LiteralString = (
    "select count(*)::int from public.message_jobs where status = 'processing'"
)
_IS_SENT: LiteralString = """
select from public.message_jobs
where message_content = %s and twilio_sid is not null
"""
_RETRIES: LiteralString = "select coalesce(sum(retry_count), 0)::int from public.message_jobs"


def run(options: OutageOptions, say: Say) -> Found:
    """Raises Unreachable where something does not start, or does not come to its end in time."""
    with new_folder("outage") as folder, OutageSite(folder) as site:
        drill = _Drill(site, options, say)
        outages = [drill.suffer(kind) for kind in options.kinds]
        found = drill.finish(outages)
    if options.report:
        options.report.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    return found


class _Drill:
    def __init__(self, site: OutageSite, options: OutageOptions, say: Say) -> None:
        self._site, self._options, self._say = site, options, say
        self._throttle = Throttle(site.settings)
        site.on_close(self._throttle.close)
        self._conn = site.connect(_DATABASE)
        self._jobs = Jobs(site, _DATABASE)
        self._messaging = Messaging(site.settings)
        site.on_close(self._messaging.close)
        self._handed_over = 0
        for number in range(1, options.workers + 1):
            site.start_command(WORKER, number, **options.environment)
        for command in (BRIDGE, BEAT):
            site.start_command(command, 1, **options.environment)
        self._mended: list[float] = []

    def suffer(self, kind: Kind) -> Outage:
        """One outage, amid texts of its own."""
        first = self._hand_over()
        self._wait(lambda: self._is_sent(texts.body(first)), "texts are sent")
        time.sleep(self._options.quiet / _SECOND)
        before, began = self._claims(), time.time()
        self._site.fail(kind)
        self._say(f"{kind}: Twilio fails")
        self._wait(self._is_open, "the breaker opens")
        opened = self._since() - began
        self._wait(self._is_settled, "what was under way is settled")
        early = self._claims()
        self._wait(lambda: time.time() > began + self._options.outage / _SECOND, "it is over")
        late = self._claims()
        self._site.mend()
        self._mended.append(time.time())
        self._say(f"{kind}: Twilio works again")
        self._wait(lambda: not self._is_open(), "the breaker closes")
        return Outage(
            kind=kind,
            opened=opened,
            claims_before=early - before,
            claims_open=late - early,
            closed=time.time() - self._mended[-1],
        )

    def finish(self, outages: Sequence[Outage]) -> Found:
        """Waits for the last text, and compares."""
        limit = _LIMIT + self._handed_over / (self._options.second or 500)
        self._site.wait_until(self._jobs.is_done, limit, "all texts are sent", look=0.5)
        last = self._jobs.last_sent() - self._mended[-1]
        ledger = list(self._site.twilio.ledger())
        distinct = len({(one.to, one.body) for one in ledger})
        return Found(
            outages=outages,
            texts=self._handed_over,
            lost=self._handed_over - distinct,
            repeated=len(ledger) - distinct,
            retries=self._number(_RETRIES),
            last=last,
            fullest=fullest(sorted((Arrival(at=one.at) for one in ledger), key=_at), 1),
            second=self._options.second,
        )

    def _hand_over(self) -> int:
        """Texts for one outage; the number of the first."""
        first, count = self._handed_over, self._options.messages
        self._say(f"handing over {count:,} texts")
        self._messaging.enqueue_many(
            Draft(to=texts.recipient(n), body=texts.body(n)) for n in range(first, first + count)
        )
        self._handed_over += count
        return first

    def _is_sent(self, body: str) -> bool:
        """Postgres is asked: while the simulator looks through its ledger it takes no texts, and
        then several at once."""
        return self._conn.execute(_IS_SENT, [body]).fetchone() is not None

    def _is_open(self) -> bool:
        return any(one.is_open for one in self._throttle.breakers.standing())

    def _since(self) -> float:
        times = [one.since for one in self._throttle.breakers.standing() if one.since]
        return min(time.timestamp() for time in times)

    def _is_settled(self) -> bool:
        """Whether nothing is under way: what began before it opened is over."""
        return self._number(_UNDER_WAY) <= 1  # that one may be the probe

    def _claims(self) -> int:
        return self._number(_CLAIMS)

    def _number(self, statement: LiteralString) -> int:
        row = self._conn.execute(statement).fetchone()
        return int(row[0]) if row else 0

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        self._site.wait_until(condition, _LIMIT, what)


def _at(arrival: Arrival) -> float:
    return arrival.at
