"""Peers: the same work as jobs of BullMQ, graphile-worker (both in Node.js) and procrastinate."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from messaging.local.bench import nodejs
from messaging.local.bench.bullmq import BullMq
from messaging.local.bench.contender import Contender
from messaging.local.bench.graphile import Graphile
from messaging.local.bench.nodejs import Node
from messaging.local.bench.site import Site

_PACKAGES = ("procrastinate", "aiohttp")
"""What procrastinate's side imports: an extra, which is not there for those who only send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Those that take part: BullMQ and graphile-worker where there is a `node` for them."""

    node: Node | None = None
    has_procrastinate: bool = False

    def versions(self) -> dict[str, str]:
        """Of what they are made of, by its name."""
        theirs = _PACKAGES if self.has_procrastinate else ()
        in_node = self.node.versions() if self.node else {}
        return {**in_node, **{name: version(name) for name in theirs}}

    def started(self, site: Site, processes: int) -> Iterator[Contender]:
        """Each of them with so many processes. Raises Unreachable where one does not start."""
        if self.node:
            yield BullMq(site, self.node, processes)
            yield Graphile(site, self.node, processes)
        if self.has_procrastinate:
            from messaging.local.bench.procrastination import Procrastinate

            yield Procrastinate(site, processes)


def ready(
    folder: Path,
    say: Callable[[str], None],
    *,
    wanted: bool,
    environment: Mapping[str, str] = os.environ,
    find: Callable[[str], object] = find_spec,
) -> Peers:
    """Those that are wanted and can be had; the programs for Node.js are in a new folder then.

    It is said who is left out, and why. Raises Misconfigured where Node.js is wanted and can't be
    had. `find` gives None for a package that is not installed.
    """
    return Peers(
        node=_ready_node(folder, say, environment, wanted=wanted),
        has_procrastinate=_ready_procrastinate(say, find, wanted=wanted),
    )


def _ready_node(
    folder: Path, say: Callable[[str], None], environment: Mapping[str, str], *, wanted: bool
) -> Node | None:
    if wanted:
        say("peers: installing BullMQ and graphile-worker, unless they are there already")
        return nodejs.lay_out(folder, environment)
    missing = nodejs.lacking(environment)
    reason = f"{missing} cannot be found here" if missing else "--peers lets them take part"
    say(f"BullMQ and graphile-worker are left out: {reason}.")
    return None


def _ready_procrastinate(
    say: Callable[[str], None], find: Callable[[str], object], *, wanted: bool
) -> bool:
    is_there = all(find(name) for name in _PACKAGES)
    if wanted and is_there:
        return True
    absent = "it is not installed here, which pip install 'messaging[bench]' changes"
    say(f"procrastinate is left out: {'--peers lets it take part' if is_there else absent}.")
    return False
