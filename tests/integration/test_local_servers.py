"""The embedded Postgres and Valkey: kept data, crashes, strangers on ports, root."""

import dataclasses
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from messaging.errors import Misconfigured, Unreachable
from messaging.local import binaries
from messaging.local.account import Account
from messaging.local.place import Place
from messaging.local.ports import LOOPBACK, next_free
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.local.server import Server
from messaging.local.valkey import EmbeddedValkey

NewServer = Callable[..., Server]
DEBIAN = Path("/usr/lib/postgresql/15/bin")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")


def new_postgres(
    folder: Path, *, port: int = 0, version: int = 18, programs: Path | None = None
) -> EmbeddedPostgres:
    return EmbeddedPostgres(
        folder / "postgres", port=port, version=version, programs=programs, durable=False
    )


def new_valkey(folder: Path, *, port: int = 0) -> EmbeddedValkey:
    return EmbeddedValkey(folder / "valkey", port)


NEW: dict[str, NewServer] = {"Postgres": new_postgres, "Valkey": new_valkey}
BOTH = pytest.mark.parametrize("new_server", NEW.values(), ids=NEW.keys())


@contextmanager
def new_folder() -> Iterator[Path]:
    """Unlike tmp_path, below no closed folder, and removed at once: a database is 40 MB."""
    with tempfile.TemporaryDirectory(prefix="messaging-test-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder in which nothing was started yet."""
    with new_folder() as made:
        yield made


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """For servers that are started and stopped one after the other: to make a database is slow."""
    with new_folder() as made:
        yield made


@pytest.fixture(scope="module")
def sixteen() -> Iterator[Path]:
    """A folder in which PostgreSQL 16 was started and stopped."""
    with new_folder() as made:
        with new_postgres(made, version=16) as server:
            assert value_of(server, "select 1") == 1
        yield made


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with new_folder() as made, new_postgres(made) as server:
        yield server


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with new_folder() as made, new_valkey(made) as server:
        yield server


@pytest.fixture(params=["postgres", "valkey"])
def running(request: pytest.FixtureRequest) -> Server:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, Server)
    return server


@pytest.fixture
def occupied() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as stranger:
        yield stranger.getsockname()[1]


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be collected has."""
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, check=False)
    return not shown.stdout.strip() or shown.stdout.strip().startswith(b"Z")


def command_of(pid: int) -> str:
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, check=True)
    return shown.stdout.decode()


def value_of(server: Server, query: LiteralString) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def run_sql(server: Server, statement: LiteralString) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute(statement)


def test_postgres_answers_as_messaging_in_utc(postgres: Server) -> None:
    query = "select concat_ws(' ', current_user, current_database(), current_setting('timezone'))"
    assert value_of(postgres, query) == "messaging messaging UTC"


def test_postgres_wants_the_password(postgres: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url.replace(postgres.password, "wrong"))


def test_valkey_wants_the_password(valkey: Server) -> None:
    stranger = redis.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis.from_url(valkey.url) as known:
        assert known.ping()


def test_data_outlives_a_restart_and_the_url_stays(folder: Path) -> None:
    with new_postgres(folder) as server:
        run_sql(server, "create table kept as select 42 as answer")
        first_url = server.url
    with new_postgres(folder) as server:
        assert (42, first_url) == (value_of(server, "select answer from kept"), server.url)


def test_postgres_recovers_from_kill_9(folder: Path) -> None:
    server = new_postgres(folder).start()
    run_sql(server, "create table survivor as select 42 as answer")
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: server.exit_code() is not None, limit=10)
    server.stop()
    with server:
        assert value_of(server, "select answer from survivor") == 42


@pytest.mark.skipif(sys.platform != "linux", reason="finds children in /proc")
def test_postgres_waits_for_what_is_left_of_one_that_was_killed(folder: Path) -> None:
    server = new_postgres(folder).start()
    child = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    os.kill(child, signal.SIGSTOP)
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: server.exit_code() is not None, limit=10)
    server.stop()
    log = server.folder / "server.log"

    def let_it_go() -> bool:
        was_in_the_way = wait_until(lambda: "pre-existing shared" in log.read_text(), limit=20)
        os.kill(child, signal.SIGCONT)
        return was_in_the_way

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(let_it_go)
        with server:
            assert value_of(server, "select 1") == 1
        assert going.result()


def test_a_process_id_left_behind_is_not_believed(folder: Path, valkey: Server) -> None:
    with new_postgres(folder) as server:
        cluster = Path(str(value_of(server, "show data_directory")))
        written = (cluster / "postmaster.pid").read_text().splitlines()
    # Postgres itself believes a running process of its own user.
    written[0] = str(valkey.pid)
    (cluster / "postmaster.pid").write_text("\n".join(written) + "\n")
    with server:
        assert value_of(server, "select 1") == 1


def test_a_second_start_on_a_folder_in_use_says_so(running: Server) -> None:
    again = NEW[running.name](running.folder.parent)
    with pytest.raises(Misconfigured, match=r"already runs \(process \d+\)"):
        again.start()


@BOTH
def test_a_wanted_port_that_is_taken_is_an_error(
    folder: Path, new_server: NewServer, occupied: int
) -> None:
    with pytest.raises(Misconfigured, match=f"Port {occupied}, wanted for .*, is taken"):
        new_server(folder, port=occupied).start()


@BOTH
def test_a_remembered_port_that_is_taken_is_left_to_the_stranger(
    folder: Path, new_server: NewServer, occupied: int
) -> None:
    server = new_server(folder)
    server.folder.mkdir(exist_ok=True)
    (server.folder / "port").write_text(str(occupied))
    with server:
        assert occupied != server.port


def test_the_next_free_port_passes_over_taken_ones(occupied: int) -> None:
    assert occupied < next_free(occupied)


def test_no_secret_is_in_the_arguments_or_in_open_files(running: Server) -> None:
    mode = stat.S_IMODE((running.folder / "password").stat().st_mode)
    assert (running.password in command_of(running.pid), mode) == (False, 0o600)


STARTS_BOTH = """
import signal, sys, threading
from pathlib import Path
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.valkey import EmbeddedValkey

def start() -> None:
    folder = Path(sys.argv[1])
    postgres = EmbeddedPostgres(folder / "postgres", durable=False).start()
    valkey = EmbeddedValkey(folder / "valkey").start()
    print(postgres.pid, valkey.pid, flush=True)

starts_in = sys.argv[2]
if starts_in == "thread":
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
else:
    start()
signal.pause()
"""


@pytest.mark.parametrize("starts_in", ["main", "thread"])
def test_servers_end_with_a_parent_that_is_killed(folder: Path, starts_in: str) -> None:
    command = [sys.executable, "-c", STARTS_BOTH, str(folder), starts_in]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert [is_gone(pid) for pid in pids] == [False, False]
        parent.kill()
    assert wait_until(lambda: all(is_gone(pid) for pid in pids), limit=10)


def test_a_server_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = new_valkey(folder)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
    finally:
        server.stop()


@pytest.mark.skipif(not DEBIAN.exists(), reason="no PostgreSQL 15 here")
def test_an_installed_postgres_starts_too(empty: Path) -> None:
    with new_postgres(empty, programs=DEBIAN) as server:
        assert str(value_of(server, "show server_version")).startswith("15")


def test_data_of_another_version_is_an_error_that_says_so(sixteen: Path) -> None:
    with pytest.raises(Unreachable, match="initialized by PostgreSQL version 16"):
        new_postgres(sixteen).start()


@as_root
def test_root_is_not_who_the_server_runs_as(running: Server) -> None:
    ps = ["ps", "-p", str(running.pid), "-o", "uid="]
    uid = int(subprocess.run(ps, capture_output=True, check=True).stdout)
    assert pwd.getpwnam("nobody").pw_uid == uid


@as_root
def test_a_folder_below_a_closed_home_keeps_its_data_elsewhere(empty: Path) -> None:
    home = empty / "home"
    home.mkdir(mode=0o700)
    with new_postgres(home / "project") as server:
        place = Path((server.folder / "elsewhere").read_text().strip())
        found = Path(str(value_of(server, "show data_directory")))
    shutil.rmtree(place)
    assert (place / "cluster", 0o700) == (found, stat.S_IMODE(home.stat().st_mode))


@as_root
def test_data_that_was_elsewhere_and_is_gone_is_an_error(empty: Path) -> None:
    data = empty / "home" / "data"
    data.mkdir(parents=True)
    data.parent.chmod(0o700)
    account = Account(uid=65534, gid=65534)
    shutil.rmtree(Place(data, account, throwaway=False).path)
    with pytest.raises(Misconfigured, match="which is gone"):
        _ = Place(data, account, throwaway=False).path


@as_root
def test_programs_below_a_closed_home_are_copied(empty: Path) -> None:
    packaged = binaries.valkey()
    home = empty / "home"
    shutil.copytree(packaged.root / packaged.programs, home / packaged.programs)
    home.chmod(0o700)
    nobody = pwd.getpwnam("nobody")
    account = Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        private = dataclasses.replace(packaged, root=home)
        programs = private.for_account("valkey-server", Place(Path(place), account, throwaway=True))
        assert programs != private.bin
        assert account.reaches(programs / "valkey-server")
