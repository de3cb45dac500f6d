"""An HTTP client for webhooks: many posts at once over connections that stay open."""

import asyncio
from typing import Final

from messaging.local.simulator.lane import Lane
from messaging.local.simulator.parcels import Count, Origin, Outcome, Parcel

RETRY_DELAY: Final = 0.1
"""Seconds before a post that failed is tried again."""


class Poster:
    """Sends parcels; a few connections to each server, one request at a time on each."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, connections: int) -> None:
        self._loop = loop
        self._connections = connections
        self._lanes: dict[Origin, Lane] = {}
        self.count = Count()
        self._closed = False

    def send(self, parcel: Parcel) -> None:
        """Send it soon; its `on_end` learns how it went."""
        parcel.count = self.count
        self.count.waiting += 1
        parcel.deadline = self._loop.time() + parcel.overrides.total_timeout
        self._try(parcel)

    def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        """Retry a post where its overrides ask for it; else it has ended."""
        wishes = parcel.overrides
        again = not outcome.delivered and outcome.kind in wishes.retried
        if again and parcel.tries <= wishes.retries and self._loop.time() < parcel.deadline:
            self.count.retried += 1
            self._loop.call_later(RETRY_DELAY, self._try, parcel)
            return
        self._end(parcel, outcome)

    def forget(self) -> None:
        """Drop what waits, and count from 0 again."""
        self.count = Count()
        for lane in self._lanes.values():
            lane.forget()

    def close(self) -> None:
        """Drop everything, now and from now on."""
        self._closed = True
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    def _try(self, parcel: Parcel) -> None:
        if self._closed or parcel.count is not self.count:
            return
        parcel.tries += 1
        lane = self._lanes.get(parcel.origin)
        if lane is None:
            lane = Lane(self.settle, parcel.origin, self._loop, self._connections)
            self._lanes[parcel.origin] = lane
        lane.send(parcel)

    def _end(self, parcel: Parcel, outcome: Outcome) -> None:
        if parcel.count is not self.count:
            return
        self.count.waiting -= 1
        if outcome.delivered:
            self.count.delivered += 1
        else:
            self.count.failed += 1
        if parcel.on_end:
            parcel.on_end(outcome)
