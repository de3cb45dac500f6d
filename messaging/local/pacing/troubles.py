"""Troubles of a run: workers are killed and started again, and Redis is emptied."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

import redis

from messaging.local.bench.site import Site
from messaging.local.pacing.options import PacingOptions
from messaging.local.processes import WORKER


@dataclass(slots=True, kw_only=True)
class Done:
    """When what was done, in seconds since 1970."""

    kills: list[float] = field(default_factory=list)
    wipes: list[float] = field(default_factory=list)


class Troubles:
    """What happens in a run, each thing at its time; call `step` often."""

    def __init__(self, site: Site, options: PacingOptions, workers: list[str]) -> None:
        """The run begins now."""
        self._site = site
        self._options = options
        self._workers = workers
        self._redis = redis.Redis.from_url(site.valkey.url)
        site.on_close(self._redis.close)
        self._began = time.time()
        self.done = Done()

    @property
    def begin(self) -> float:
        """When they begin."""
        return self._began + self._options.quiet / timedelta(seconds=1)

    @property
    def end(self) -> float:
        """When they are over."""
        return self.begin + self._options.trouble / timedelta(seconds=1)

    def step(self) -> None:
        """Does what is due."""
        now, every = time.time(), self._options.every / timedelta(seconds=1)
        if not self.begin <= now < self.end:
            return
        if len(self.done.kills) < (now - self.begin) // every + 1:
            self._kill(now)
        share = (self.end - self.begin) / (self._options.wipes + 1)
        if len(self.done.wipes) < min((now - self.begin) // share, self._options.wipes):
            self._redis.flushall()
            self.done.wipes.append(now)

    def _kill(self, now: float) -> None:
        """One after the other, with -9."""
        number = len(self.done.kills) % len(self._workers)
        self._site.kill(self._workers[number])
        self._site.start_command(WORKER, number + 1, **self._options.environment)
        self.done.kills.append(now)
