"""`python -m messaging.local.bench.apart FOLDER`: measures with workers on hosts of their own.

It is started on the first host of a new network, and that is where Postgres, Valkey, what stands
for Twilio, the bridge and beat run as well. The options come as JSON on the standard input.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from messaging.errors import MessagingError, Unreachable
from messaging.local.bench import network, scaling
from messaging.local.bench.figures import Figure
from messaging.local.bench.hosts import ANSWER, OPTIONS, Answer, answer_file
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import STAND_IN, Site
from messaging.local.process import wait_until
from messaging.local.processes import WORKER, Command
from messaging.local.stopping import INTERRUPTED, stoppable

_PART = "hosts"
_LIMIT = 20.0
_CLIENTS = """
select distinct host(client_addr)
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend'
"""


class Hosts(Site):
    """A place with several hosts: one for each worker, and one for all else, where we are."""

    def __init__(self, folder: Path, options: BenchOptions) -> None:
        """Nothing starts yet but a switch. Raises Refused where the network is not a new one."""
        network.open_switch()
        super().__init__(folder, options.latency, stands_for_twilio=STAND_IN, host=network.SERVERS)

    def way_to(self, command: Command, number: int) -> Sequence[str]:
        """For a worker, to a host that is made for it. Raises Unreachable where that fails."""
        if command is not WORKER:
            return ()
        name = f"host-{number}"
        self.start(name, network.vacant())
        pid = self.pid(name)
        self.wait_until(lambda: network.is_elsewhere(pid), _LIMIT, f"there is a {name}")
        network.connect(pid, number)
        return network.on_host_of(pid)

    def expect_apart(self, workers: int) -> list[str]:
        """The addresses from which so many workers are connected to Postgres, one for each.

        Raises Unreachable where those are not the ones of their hosts. A worker is connected from
        its first sign of life on.
        """
        expected = [network.address(number) for number in range(1, workers + 1)]
        conn = self.connect("messaging")

        def clients() -> set[str]:
            return {row[0] for row in conn.execute(_CLIENTS)} - {network.SERVERS}

        if wait_until(lambda: clients() == set(expected), limit=_LIMIT):
            return expected
        found = ", ".join(sorted(clients())) or "no other host"
        raise Unreachable(
            "The workers are not on hosts of their own. They ought to be connected to Postgres "
            f"from {', '.join(expected)}, and are from {found}."
        )


def measure(site: Hosts, options: BenchOptions) -> list[Figure]:
    """Rate and processor time with more and more workers, after which they are found apart."""
    ours, figures = Ours(site), list[Figure]()
    for count in options.workers:
        figures += scaling.measure(site, ours, replace(options, workers=(count,)), _say, _PART)
        _say(f"{_PART}: workers are connected from {', '.join(site.expect_apart(count))}")
    return figures


def main(folder: Path, options: BenchOptions) -> int:
    """Measure and write the answer; returns the exit code."""
    with stoppable():
        try:
            with Hosts(folder, options) as site:
                answer = Answer(figures=measure(site, options))
        except MessagingError as error:
            answer = Answer(trouble=str(error))
        except KeyboardInterrupt:
            return INTERRUPTED
    answer_file(folder).write_bytes(ANSWER.dump_json(answer))
    return 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), OPTIONS.validate_json(sys.stdin.buffer.read())))
