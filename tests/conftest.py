"""What tests stand on: a real Postgres, a real Valkey, the Twilio simulator, a runtime.

The servers run once a session; every test has a database of its own, copied from a migrated one
or emptied by the shelf, an empty Valkey and a new simulator.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as search
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import runtime
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.simulator import Config, Simulator
from messaging.local.valkey import EmbeddedValkey
from messaging.runtime import Runtime
from messaging.settings import Settings, load
from tests import servers
from tests.lots import Lots
from tests.shelf import Shelf

search.register_profile(
    "calm",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("MESSAGING_TEST_SCALE") != "full",
)
search.load_profile("calm")
"""A busy machine fails no search, and two runs of the suite search for the same."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lots | None:
    """Who gives the processes of pytest their tests, unless `--dist` names another way."""
    return Lots(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres, 18 unless another is asked for, with a migrated database to copy from."""
    with servers.postgres(tmp_path_factory.mktemp("postgres")) as server:
        servers.have_migrated(server)
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey server, or another that speaks Redis' protocol."""
    with servers.redis(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def shelf(postgres: EmbeddedPostgres) -> Shelf:
    """Where tests take their databases from."""
    return Shelf(postgres)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where servers that run as somebody without rights reach their files, even for root."""
    with TemporaryDirectory(prefix="messaging-test-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


@pytest.fixture
def database_url(shelf: Shelf) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = shelf.take()
    yield url
    shelf.give_back(url)


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> str:
    """The Valkey server, emptied."""
    import redis

    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture
def twilio() -> Iterator[Simulator]:
    """Twilio's account for this test. Its callbacks find nobody unless a web process listens."""
    with Simulator.running(Config()) as simulator:
        yield simulator


@pytest.fixture
def environment(database_url: str, redis_url: str, twilio: Simulator) -> dict[str, str]:
    """What a process of the service needs in its environment; a test may add to it."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TWILIO_ACCOUNT_SID": twilio.config.account_sid,
        "TWILIO_AUTH_TOKEN": twilio.config.auth_token,
        "TWILIO_MESSAGING_SERVICE_SID": twilio.config.messaging_services[0],
        "TWILIO_API_BASE_URL": twilio.base_url,
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The settings that the environment makes."""
    return load(environment)


@pytest.fixture
def rt(settings: Settings) -> Iterator[Runtime]:
    """A runtime in this process."""
    runtime_of_test = runtime.build(settings)
    yield runtime_of_test
    runtime_of_test.close()


@pytest.fixture
def db(database_url: str) -> Iterator[Connection[TupleRow]]:
    """A connection to the test's database; every statement commits."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield conn
