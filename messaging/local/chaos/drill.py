"""The drill itself: everybody starts, there is trouble, it stops, and everything heals."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import psycopg

from messaging.errors import Unreachable
from messaging.local.chaos.crew import Crew
from messaging.local.chaos.log import Log
from messaging.local.chaos.options import ChaosOptions
from messaging.local.chaos.plan import Event, Kill, plan
from messaging.local.chaos.producer import Producer
from messaging.local.chaos.recovery import Holdings
from messaging.local.chaos.roll import Roll
from messaging.local.chaos.side import Side
from messaging.local.chaos.site import Site
from messaging.local.chaos.texts import Handful, handfuls
from messaging.local.chaos.trouble import Trouble
from messaging.local.chaos.watch import Watch

_STEP = 0.02
_LOOK = 0.5
"""Seconds between two looks at how many texts are under way."""
_TELL = 5.0
"""Seconds between two lines about how it goes."""
_START_LIMIT = 90.0
_SLACK, _SLACK_EACH = 60.0, 0.005
"""Seconds beyond the protocol's times in which everything must be well, and for each text: those
that could not be sent while there was trouble want to be sent, too, perhaps on a busy machine."""
_HANDFUL = 25
_SHARE = 0.9
"""The part of the trouble in which texts are handed over: the last ones meet some of it too."""

Say = Callable[[str], None]


class Drill:
    """One run on a site, with a crew. Call its methods in their order."""

    def __init__(
        self, *, site: Site, crew: Crew, side: Side, roll: Roll, options: ChaosOptions, say: Say
    ) -> None:
        """Nothing happens yet."""
        self._site = site
        self._crew = crew
        self._side = side
        self._options = options
        self._say = say
        self._settings = site.settings
        self._told = 0.0
        self.commits_again = 0
        self.decided = 0
        """Held texts that a person would have decided about."""
        self.lasted = 0.0
        """Seconds that there was trouble, with those in which the plan waited."""
        self.log = Log()
        self._trouble = Trouble(site, crew, roll, self.log, options.seed)

    def start(self) -> None:
        """Start everybody, and return when the first texts were sent.

        Raises Unreachable where that does not happen.
        """
        for post in self._side.posts():
            self._crew.fill(post)
        self._wait(self._side.is_ready, _START_LIMIT, "everything has started")
        self._all = list(
            handfuls(seed=self._options.seed, messages=self._options.messages, size=_HANDFUL)
        )
        with self._site.connect() as conn:
            self._side.hand_over(conn, self._all[0])
            first = len(self._all[0].texts)
            self._wait(
                lambda: self._side.under_way(conn) <= first // 2,
                _START_LIMIT,
                "the first texts are sent",
            )

    def make_trouble(self) -> Holdings:
        """Carry the plan out while texts are handed over, and wait until all is well again.

        Returns what was seen of leases and claims.
        """
        seconds = self._options.duration.total_seconds()
        events = self._plan(seconds)
        self._site.keep_servers()
        with ExitStack() as stack:
            watch = stack.enter_context(Watch(self._site.connect, self._settings.entry_lease))
            producer = stack.enter_context(self._producer(self._all[1:], seconds * _SHARE))
            self._producer_now = producer
            self._trouble.begin(events)
            self._say(f"trouble begins: {seconds:g} s, {len(events)} events")
            self._live_through(seconds, watch)
            self._heal(producer)
            self.commits_again = producer.again
        return watch.seen()

    def _plan(self, seconds: float) -> list[Event]:
        events = plan(
            seed=self._options.seed,
            kills=self._options.kills,
            seconds=seconds,
            send_lease=self._settings.send_lease,
        )
        return [
            replace(event, victim=self._side.stand_in(event.victim))
            if isinstance(event, Kill)
            else event
            for event in events
        ]

    def _producer(self, left: Sequence[Handful], seconds: float) -> Producer:
        return Producer(
            handfuls=left,
            seconds=seconds,
            connect=self._site.connect,
            hand_over=self._side.hand_over,
        )

    def _live_through(self, seconds: float, watch: Watch) -> None:
        """The plan waits while Postgres gets up: to hit who lies on the ground proves nothing.

        It does not wait for longer than it takes itself.
        """
        clock = self._trouble.clock
        while clock.seconds < seconds:
            clock.run(when=not watch.is_blind or clock.lost > seconds)
            self._trouble.step()
            self._tell()
            time.sleep(_STEP)
        clock.run(when=True)
        self.lasted = clock.seconds + clock.lost

    def _heal(self, producer: Producer) -> None:
        """Go on with what was planned and is late, and with what lasts longer; then wait."""
        clock = self._trouble.clock
        limit = clock.seconds + self.longest_wait
        self._say(f"trouble ends; for at most {self.longest_wait:g} s everything may heal")
        looked = 0.0
        while clock.seconds < limit:
            self._trouble.step()
            self._tell()
            if clock.seconds - looked > _LOOK and self._trouble.is_over:
                looked = clock.seconds
                if producer.is_done and self._under_way() == 0 and not self._decide():
                    break
            time.sleep(_STEP)
        if producer.handed_over < sum(len(one.texts) for one in self._all[1:]):
            raise Unreachable("Not every text could be handed over: Postgres did not take them.")

    @property
    def longest_wait(self) -> float:
        """Seconds after the trouble within which everything must be well."""
        times = self._settings
        slack = _SLACK + _SLACK_EACH * self._options.messages
        return times.entry_lease + times.send_lease + times.quiescence + slack

    def _under_way(self) -> int | None:
        """None while Postgres does not answer."""
        try:
            with self._site.connect() as conn:
                return self._side.under_way(conn)
        except psycopg.Error:
            return None

    def _decide(self) -> int:
        """What a person would do now, when nothing else is under way any more."""
        try:
            with self._site.connect() as conn:
                decided = self._side.decide(conn)
        except psycopg.Error:
            return 1  # perhaps: look again
        self.decided += decided
        return decided

    def _tell(self) -> None:
        now = self._trouble.clock.seconds + self._trouble.clock.lost
        if now - self._told < _TELL:
            return
        self._told = now
        kills = sum(self.log.kills.values())
        under_way = self._under_way()
        self._say(
            f"{now:4.0f} s: {kills} kills, {self._producer_now.handed_over:,} texts handed over, "
            + (f"{under_way:,} under way" if under_way is not None else "Postgres is down")
        )

    def _wait(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                raise Unreachable(f"Not within {limit:g} s: {what}.\n{self._crew.last_words()}")
            time.sleep(_STEP)
