"""Workers on hosts of their own: that they are apart, that nothing is left of it, and where it is
refused."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from messaging.errors import Refused
from messaging.local.bench import network
from messaging.local.process import wait_until
from tests.bench.test_bench import Bench, assert_nothing_is_left

IP = shutil.which("ip", path=network.PATH) or "ip"
_OPTIONS = """
import sys
from datetime import timedelta
from pathlib import Path
from messaging.errors import MessagingError, Refused
from messaging.local.bench import BenchOptions, run
options = BenchOptions(
    messages=300, latency=timedelta(0), runs=1, only=("hosts",), workers=(1, 2),
    report=Path(sys.argv[1]),
)
"""
MEASURE = f"""{_OPTIONS}
try:
    sys.exit(run(options))
except MessagingError as error:
    print(error, file=sys.stderr)
    sys.exit(2 if isinstance(error, Refused) else 3)
"""
INSIDE = f"""{_OPTIONS}
import psycopg
from messaging.local.bench.apart import Hosts, measure
from messaging.local.listening import accepts
"""
CARELESS = f"""{INSIDE}
class Careless(Hosts):
    def way_to(self, command, number):
        return () if number == 2 else super().way_to(command, number)

try:
    with Careless(Path(sys.argv[1]), options) as site:
        measure(site, options)
except MessagingError as error:
    print(error)
"""
LISTENING = f"""{INSIDE}
with Hosts(Path(sys.argv[1]), options) as site:
    servers = (site.postgres, site.valkey, site.twilio)
    print([accepts(server.port) for server in servers])
    print([accepts(server.port, "198.18.0.1") for server in servers])
    try:
        psycopg.connect(site.postgres.url.replace(site.postgres.password, ""))
    except psycopg.OperationalError as error:
        print(error)
"""
USED = f"""{INSIDE}
import socket, subprocess
subprocess.run(["{IP}", "link", "set", "lo", "up"])
try:
    Hosts(Path(sys.argv[1]), options)
except Refused as error:
    print(error)
print([name for _, name in socket.if_nameindex() if name in ("lo", "switch")])
"""
RIGHTS = () if os.geteuid() == 0 else ("--user", "--map-root-user")
CABLE = (IP, "link", "add", "one", "type", "veth", "peer", "name", "other")
SWITCH = (IP, "link", "add", "switch", "type", "bridge")
LIMIT = 30.0


def works(*command: str) -> bool:
    """Whether there is this program, and it has done its work."""
    known = shutil.which(command[0]) is not None
    return known and subprocess.run(command, capture_output=True).returncode == 0


POSSIBLE = all(works("unshare", *RIGHTS, "--net", "--", *command) for command in (CABLE, SWITCH))
"""Whether this machine has what it takes; else it is refused, and that is what tests look at."""


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    """A measurement of hosts with one worker, and with two."""
    started = Bench(folder, MEASURE)
    yield started
    started.process.send_signal(signal.SIGINT)
    started.process.communicate()


def is_refused(bench: Bench) -> bool:
    """Whether this is no machine for it; if so, the measurement has said that and ended."""
    if POSSIBLE:
        return False
    said = "".join(bench.lines())
    assert 2 == bench.end()[0]
    assert said.startswith("Workers on hosts of their own need network namespaces: ")
    return True


def inside(folder: Path, script: str) -> str:
    """What a program says on the first host of a network; that it can't be made, elsewhere."""
    try:
        start = network.entrance()
    except Refused:
        assert not POSSIBLE
        return ""
    command = (*start, sys.executable, "-c", script, str(folder))
    done = subprocess.run(command, capture_output=True, text=True)
    assert "" == done.stderr
    return done.stdout


def interfaces() -> list[str]:
    """Of this machine, as the process sees them, and its namespaces that have names."""
    names = Path("/run/netns")
    named = [path.name for path in names.iterdir()] if names.exists() else []
    return [name for _, name in socket.if_nameindex()] + named


def namespaces(pids: Sequence[int]) -> set[Path]:
    """The network namespaces of these processes, as far as they run and are not in our own."""
    found = {space_of(pid) for pid in pids}
    return {space for space in found if space and space != space_of(os.getpid())}


def space_of(pid: int) -> Path | None:
    """The network namespace of a process; None where it has ended."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return None


def everybody() -> list[int]:
    """Every process of this machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def named(bench: Bench, words: str) -> int:
    """The process of the measurement that has these words in its command."""
    (found,) = [pid for pid, command in bench.seen.items() if words in command]
    return found


def test_two_workers_send_from_hosts_of_their_own(bench: Bench, folder: Path) -> None:
    before = interfaces()
    if is_refused(bench):
        return
    said, spaces = "", set[Path]()
    for line in bench.lines():
        said += line
        spaces |= namespaces(list(bench.seen))
    code, table = bench.end()
    assert 0 == code, said
    assert "hosts: workers are connected from 198.18.0.2\n" in said
    assert "hosts: workers are connected from 198.18.0.2, 198.18.0.3\n" in said
    found = json.loads(bench.report.read_text())["figures"]
    names = [f"{figure['part']}: {figure['name']}" for figure in found]
    assert [
        "hosts: messages a second, 1 worker",
        "hosts: CPU a message, 1 worker",
        "hosts: messages a second, 2 workers",
        "hosts: CPU a message, 2 workers",
    ] == names
    assert [] == [figure for figure in found if figure["median"] <= 0]
    assert [] == [name for name in names if name not in table]
    assert 3 == len(spaces)  # of two workers, and of all else
    assert_nothing_is_left(bench, folder)
    assert set() == spaces & namespaces(everybody())
    assert before == interfaces()


@pytest.mark.parametrize(
    ("victim", "number", "code", "expected"),
    [
        ("the bench", signal.SIGKILL, -signal.SIGKILL, ""),
        ("the bench", signal.SIGINT, 130, "Stopped. Nothing of it runs any more."),
        ("bench.apart", signal.SIGKILL, 3, "What measures hosts has ended before it had any"),
        ("--hostname worker-1@", signal.SIGKILL, 3, "worker has ended (exit code -9)"),
    ],
)
def test_nothing_is_left_where_one_is_killed(
    bench: Bench, victim: str, number: signal.Signals, code: int, expected: str
) -> None:
    before = interfaces()
    if is_refused(bench):
        return
    lines = bench.lines()
    assert any("connected from 198.18.0.2" in line for line in lines)
    spaces = namespaces(list(bench.seen))
    assert 2 <= len(spaces)  # the next host may be there already
    os.kill(bench.process.pid if victim == "the bench" else named(bench, victim), number)
    said = "".join(lines)
    assert code == bench.end()[0]
    assert expected in said
    assert wait_until(lambda: not spaces & namespaces(everybody()), limit=LIMIT)
    assert before == interfaces()


def test_a_worker_that_is_not_on_its_host_is_noticed(folder: Path) -> None:
    said = inside(folder, CARELESS)
    expected = (
        "The workers are not on hosts of their own. They ought to be connected to Postgres from "
        "198.18.0.2, 198.18.0.3, and are from 198.18.0.2.\n"
    )
    assert said.endswith(expected if POSSIBLE else "")


def test_servers_listen_on_the_network_only_and_want_a_password(folder: Path) -> None:
    said = inside(folder, LISTENING)
    assert not POSSIBLE or said.startswith("[False, False, False]\n[True, True, True]\n")
    assert not POSSIBLE or "no password supplied" in said


def test_a_network_that_is_in_use_gets_no_switch(folder: Path) -> None:
    said = inside(folder, USED)
    assert not POSSIBLE or said == (
        "Hosts are measured in a network of their own: messaging bench --only hosts.\n['lo']\n"
    )


@pytest.mark.parametrize(
    ("programs", "system", "expected"),
    [
        (("ip", "unshare", "nsenter"), "darwin", "this is darwin"),
        (("unshare", "nsenter"), "linux", "there is no program ip"),
        (("ip", "nsenter"), "linux", "there is no program unshare"),
        (("ip", "unshare"), "linux", "there is no program nsenter"),
        (("ip", "unshare", "nsenter"), "linux", "they cannot be made: Not here."),
    ],
)
def test_a_machine_without_namespaces_is_refused(
    tmp_path: Path, programs: Sequence[str], system: str, expected: str
) -> None:
    for name in programs:
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho Not here. >&2\nexit 1\n")
        program.chmod(0o755)
    with pytest.raises(Refused, match=expected):
        network.entrance(path=str(tmp_path), system=system)


def without_rights() -> Sequence[str]:
    """What starts the program after it as somebody who can make no network namespaces."""
    if os.geteuid() == 0:
        return ("setpriv", "--bounding-set", "-sys_admin")
    most = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    limited = ("unshare", "--user", "--map-root-user", "--", "sh", "-c", most, "sh")
    return limited if works(*limited, "true") else ()


def test_who_may_make_no_namespaces_is_told_what_it_takes(folder: Path) -> None:
    refused = subprocess.run(
        [*without_rights(), sys.executable, "-m", "messaging", "bench", "--only", "idle,hosts"],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert 2 == refused.returncode
    assert "root or user namespaces" in " ".join(refused.stderr.split())
    assert "warming up" not in refused.stderr
    assert [] == list(folder.iterdir())
