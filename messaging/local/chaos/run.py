"""`messaging chaos`: the story of one run."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from messaging.local.chaos import machine, recovery
from messaging.local.chaos.comparison import compare
from messaging.local.chaos.crew import Crew
from messaging.local.chaos.doubts import doubts
from messaging.local.chaos.drill import Drill
from messaging.local.chaos.options import ChaosOptions, expect_writable
from messaging.local.chaos.ours import Ours
from messaging.local.chaos.outcome import Done, Outcome, Place
from messaging.local.chaos.records import Records
from messaging.local.chaos.recovery import Holdings, Times
from messaging.local.chaos.roll import Roll
from messaging.local.chaos.site import Site
from messaging.local.chaos.texts import key
from messaging.local.process import wait_until
from messaging.local.throwaway import new_folder
from messaging.settings import Settings

_END_LIMIT = 15.0
"""Seconds after which a process of the run counts as left behind."""
_TIMES = (
    "connect_timeout",
    "read_timeout",
    "send_deadline",
    "send_lease",
    "entry_lease",
    "quiescence",
)
"""The protocol's."""
_SECRETS = ("postgres", "valkey")
"""Folders with passwords and, perhaps, files of another user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a run has left in the records, and what was done in it."""

    began: datetime
    place: Place
    settings: Settings
    done: Done
    blows: list[float]
    holdings: Holdings
    keys: set[str]
    records: Records


def run(options: ChaosOptions, say: Callable[[str], None]) -> Outcome:
    """Hurt the service, compare the records, and leave nothing behind, whatever happens.

    `say` is told how it goes. Raises Refused where the report could not be written, and other
    MessagingErrors where something does not start.
    """
    expect_writable(options.report)
    clock = time.monotonic()
    roll = Roll()
    found = _drill(options, roll, say)
    wait_until(lambda: not roll.left(), limit=_END_LIMIT)
    return _outcome(options, found, roll, time.monotonic() - clock)


def _drill(options: ChaosOptions, roll: Roll, say: Callable[[str], None]) -> _Found:
    began = datetime.now(UTC)
    with new_folder("chaos") as folder, Site(folder, options.seed) as site:
        with closing(Ours(site)) as side:
            with site.connect() as conn:
                place = machine.place(conn, site.valkey.url)
            with Crew(folder, site.guard) as crew:
                drill = Drill(site=site, crew=crew, side=side, roll=roll, options=options, say=say)
                say("starting everything")
                drill.start()
                holdings = drill.make_trouble()
                roll.call()
            say("comparing Twilio's ledger with the database")
            with site.connect() as conn:
                keys, records = side.records(conn)
        if options.keep:
            shutil.copytree(
                folder,
                options.keep,
                ignore=shutil.ignore_patterns(*_SECRETS),
                dirs_exist_ok=True,
            )
        return _Found(
            began=began,
            place=place,
            settings=site.settings,
            done=drill.done(),
            blows=drill.log.blows,
            holdings=holdings,
            keys=keys,
            records=records,
        )


def _outcome(options: ChaosOptions, found: _Found, roll: Roll, seconds: float) -> Outcome:
    settings, records = found.settings, found.records
    times = Times(
        entry_lease=settings.entry_lease,
        send_lease=settings.send_lease,
        quiescence=settings.quiescence,
    )
    return Outcome(
        sender="messaging",
        is_baseline=options.baseline,
        began=found.began,
        seed=options.seed,
        messages=options.messages,
        planned_kills=options.kills,
        trouble_seconds=options.duration.total_seconds(),
        total_seconds=round(seconds, 1),
        times={name: getattr(settings, name) for name in _TIMES},
        place=found.place,
        done=found.done,
        committed=len(records.jobs),
        accepted=len(records.ledger),
        statuses=dict(Counter(job.status for job in records.jobs)),
        findings=compare(records, _missing(options, found.keys)),
        doubts=doubts(records.journal or ()),
        unsent=recovery.unsent(records, found.holdings, found.blows, times),
        in_doubt=recovery.in_doubt(records, found.holdings, found.blows, times),
        processes=len(roll),
        left=roll.left(),
    )


def _missing(options: ChaosOptions, keys: set[str]) -> list[str]:
    """Keys of texts whose commit was confirmed, and that are not there."""
    wanted = (key(options.seed, number) for number in range(options.messages))
    return [one for one in wanted if one not in keys]
