"""Trouble: carries the plan out, each event at its time, and undoes what is to be undone."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import assert_never

import psycopg
import redis

from messaging.errors import Unreachable
from messaging.local.chaos.agenda import Agenda, Clock
from messaging.local.chaos.crew import Crew, Member
from messaging.local.chaos.log import Log
from messaging.local.chaos.plan import (
    Event,
    Fault,
    Kill,
    Line,
    Mishap,
    Outage,
    Pause,
    Restart,
    Victim,
    Wipe,
    until,
)
from messaging.local.chaos.roll import Roll
from messaging.local.chaos.site import OURS, Site
from messaging.local.ports import LOOPBACK

_AGAIN = 0.7
"""Seconds until an event is tried again whose victim is not there just now."""
_WORKERS = (Victim.WORKER, Victim.PARENT)
_BACKENDS = """
select pid
from pg_stat_activity
where backend_type = 'client backend' and application_name <> %s
"""

Undo = Callable[[], None]


class Absent(Exception):
    """The victim is not there just now."""


class Trouble:
    """One run's trouble. Call `step` often; it does what is due and returns.

    The plan has a clock of its own, which the caller may stop; what is undone is undone by the
    usual one.
    """

    def __init__(self, site: Site, crew: Crew, roll: Roll, log: Log, seed: int) -> None:
        """Nothing is planned yet."""
        self._site = site
        self._crew = crew
        self._roll = roll
        self._log = log
        self._dice = Random(f"victims {seed}")  # noqa: S311 - no secret
        self._events: Agenda[Event] = Agenda()
        self._undos: Agenda[Undo] = Agenda()
        self.clock = Clock()

    def begin(self, events: Iterable[Event]) -> None:
        """The plan's time begins now."""
        self.clock = Clock()
        for event in events:
            self._events.put(event.at, event)

    @property
    def is_over(self) -> bool:
        """Whether everything was done, and undone."""
        return not self._events and not self._undos

    def step(self) -> None:
        """Do what is due now, and not what becomes due meanwhile: others want their turn too."""
        for undo in self._undos.due(time.monotonic()):
            undo()
        for event in self._events.due(self.clock.seconds):
            self._carry_out(event)

    def _carry_out(self, event: Event) -> None:
        try:
            undo = self._do(event)
        except (Absent, Unreachable, psycopg.Error, redis.RedisError, OSError):
            self._events.put(self.clock.seconds + _AGAIN, event)
            return
        if undo:
            self._undos.put(time.monotonic() + until(event) - event.at, undo)

    def _do(self, event: Event) -> Undo | None:
        """Do it; returns what undoes it. Raises where it cannot be done just now."""
        match event:
            case Kill():
                self._kill(event.victim)
                return None
            case Wipe():
                with redis.Redis.from_url(self._site.valkey.url, socket_timeout=1) as client:
                    client.flushall()
                self._log.happened("Redis wiped")
                return None
            case Pause():
                return self._pause(event)
            case Restart():
                self._some(*_WORKERS).process.ask()
                self._log.happened("worker restarted with SIGTERM")
                return None
            case Outage():
                return self._disturb(event)
            case Fault():
                return self._misbehave(event)
            case _:
                assert_never(event)

    def _kill(self, victim: Victim) -> None:
        children = self._roll.call()
        match victim:
            case Victim.REDIS:
                os.kill(self._site.valkey.pid, signal.SIGKILL)
            case Victim.POSTGRES:
                os.kill(self._site.postgres.pid, signal.SIGKILL)
            case Victim.BACKEND:
                os.kill(self._backend(), signal.SIGKILL)
            case Victim.CHILD:
                os.kill(self._child(children), signal.SIGKILL)
            case Victim.WEB:
                self._kill_web()
            case _:
                self._some(victim).kill()
        self._log.killed(victim)

    def _kill_web(self) -> None:
        """Kill the one that Twilio reaches; from then on it reaches another."""
        web = self._crew.running(Victim.WEB)
        if not web:
            raise Absent
        web[0].kill()
        for other in web[1:]:
            self._site.lines[Line.WEB].aim((LOOPBACK, other.post.port or 0))

    def _child(self, children: dict[int, list[int]]) -> int:
        found = [
            child
            for parent in self._crew.running(Victim.PARENT)
            for child in children.get(parent.process.pid, ())
        ]
        if not found:
            raise Absent
        return self._dice.choice(found)

    def _backend(self) -> int:
        with self._site.connect() as conn:
            pids = [pid for (pid,) in conn.execute(_BACKENDS, [OURS])]
        if not pids:
            raise Absent
        return int(self._dice.choice(pids))

    def _pause(self, event: Pause) -> Undo:
        member = self._some(*_WORKERS)
        member.pause()
        length = "for longer than the send lease" if event.is_long else "for a moment"
        self._log.happened(f"worker paused {length}")
        return member.go_on

    def _disturb(self, event: Outage) -> Undo | None:
        proxy = self._site.lines[event.line]
        match event.mishap:
            case Mishap.CUT:
                proxy.cut()
            case Mishap.DELAY:
                proxy.delay(event.late)
            case Mishap.REFUSE:
                proxy.refuse()
            case Mishap.BLACKHOLE:
                proxy.blackhole()
            case _:
                assert_never(event.mishap)
        self._log.happened(f"line {event.line.value} {event.mishap.value}")
        return None if event.mishap is Mishap.CUT else proxy.pass_on

    def _misbehave(self, event: Fault) -> Undo:
        id = self._site.twilio.arm(event.rule)
        call = "" if event.rule.call == "create" else f" ({event.rule.call})"

        def disarm() -> None:
            hits = self._site.twilio.disarm(id)
            self._log.faults[f"{event.rule.kind}{call}"] += hits

        return disarm

    def _some(self, *victims: Victim) -> Member:
        running = self._crew.running(*victims)
        if not running:
            raise Absent
        return self._dice.choice(running)
