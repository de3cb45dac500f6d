"""Peers: the same work as jobs of BullMQ and graphile-worker, which are written for Node.js."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from messaging.local.bench import nodejs
from messaging.local.bench.nodejs import Node


def ready(
    folder: Path,
    say: Callable[[str], None],
    *,
    wanted: bool,
    environment: Mapping[str, str] = os.environ,
) -> Node | None:
    """Node.js with the programs of both in a new folder; None where they take no part.

    Then it is said why. Raises Misconfigured where they are wanted and can't be had.
    """
    if wanted:
        say("peers: installing BullMQ and graphile-worker, unless they are there already")
        return nodejs.lay_out(folder, environment)
    missing = nodejs.lacking(environment)
    reason = f"{missing} cannot be found here" if missing else "--peers lets them take part"
    say(f"BullMQ and graphile-worker are left out: {reason}.")
    return None
