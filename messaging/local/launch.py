"""The story of a start: servers, migrations, processes, and the first message."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from messaging.errors import Unreachable
from messaging.local import bytecode, clock, crew, doorways, panel, secret
from messaging.local.addresses import Addresses
from messaging.local.demo import Demo
from messaging.local.environment import Environment
from messaging.local.guard import Guard
from messaging.local.listening import accepts, is_healthy
from messaging.local.ports import LOOPBACK
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import Process
from messaging.local.processes import BEAT, BRIDGE, FLOWER, WEB
from messaging.local.screen import Screen
from messaging.local.server import Server
from messaging.local.supervisor import Supervisor
from messaging.local.valkey import EmbeddedValkey
from messaging.local.watch import Watch, is_delivered
from messaging.postgres.migrate import migrate

_LIMIT = 60.0
"""Seconds after which we say that something does not come, and go on."""
_DEMO_LIMIT = 120.0
_FIRST = {
    "recipient_phone": "+12025550100",
    "message_content": "messaging is up. This text is its own.",
}
"""To a number for fiction, and only ever to the simulator."""


class Launch:
    """One start in one data folder: call the steps in their order."""

    def __init__(self, data: Path, screen: Screen, supervisor: Supervisor, guard: Guard) -> None:
        """Nothing starts yet."""
        self._data = data
        self._screen = screen
        self._supervisor = supervisor
        self._guard = guard
        self._began = clock.began()
        self._environment = Environment.ours()
        self._servers: list[Server] = []
        self._compiler: Process | None = None

    def start_compiling(self) -> None:
        """On a first start, begin to compile what the processes will import."""
        if bytecode.is_missing():
            self._compiler = Process(
                bytecode.compiler(), output=subprocess.DEVNULL, guard=self._guard
            )

    def start_servers(self) -> None:
        """Start Valkey and Postgres, unless the environment names others."""
        if not self._environment.has("redis_url"):
            valkey = EmbeddedValkey(self._data / "valkey", guard=self._guard)
            self._serve(valkey)
            self._environment = self._environment.with_(REDIS_URL=valkey.url)
        if not self._environment.has("database_url"):
            postgres = EmbeddedPostgres(self._data / "postgres", guard=self._guard)
            self._serve(postgres)
            self._environment = self._environment.with_(
                DATABASE_URL=postgres.url, DATABASE_DIRECT_URL=postgres.url
            )
            doorways.write_psql(self._data / "psql", postgres)

    def choose_ports(self, wanted: int | None) -> None:
        """Find free ports, which completes the settings.

        Raises Misconfigured with all that is wrong with them.
        """
        web = wanted or self._environment.settings().port
        self._addresses = Addresses.choose(web=web)
        for sentence in self._addresses.others(web=web):
            self._screen.remark(sentence)
        self._environment = self._environment.with_(PORT=str(self._addresses.web))
        if self._environment.is_simulated:
            self._environment = self._environment.with_simulator(
                self._addresses.simulator_url, self._addresses.web_url
            )
        self._settings = self._environment.settings()
        self._settings.require_twilio()
        doorways.write_environment(self._data / "env", self._environment.added)

    def start_simulator(self) -> None:
        """Start what stands for Twilio, where no real credentials are given."""
        if self._environment.is_simulated:
            ledger = self._data / "simulator" / "ledger.jsonl"
            ledger.parent.mkdir(mode=0o700, exist_ok=True)  # numbers and bodies are in it
            port = self._addresses.simulator
            role = crew.simulator(self._environment, self._guard, port=port, ledger=ledger)
            self._supervisor.start(role)

    def prepare_database(self) -> None:
        """Apply the migrations, and hand over a first message where Twilio is simulated."""
        began = time.monotonic()
        with self._supervisor.interruptible():
            applied = migrate(self._settings.direct_url)
        remark = f"{len(applied)} applied" if applied else "nothing to apply"
        self._screen.step("migrations", time.monotonic() - began, remark)
        self._watch = Watch(self._settings.direct_url)
        self._first = self._watch.hand_over([_FIRST]) if self._environment.is_simulated else []

    def start_processes(self, workers: int) -> None:
        """Start the web process, the workers, the bridge and beat; return when the web answers."""
        self._await_compiler()
        began = time.monotonic()
        roles = [
            crew.of_command(WEB, self._environment, self._guard),
            crew.of_command(BRIDGE, self._environment, self._guard),
            *crew.workers(self._environment, self._guard, count=workers),
            crew.of_command(BEAT, self._environment, self._guard),
        ]
        for role in roles:
            self._supervisor.start(role)
        if self._come_true(self._answers):
            self._screen.step("processes", time.monotonic() - began, "web answers")
        elif not self._supervisor.is_asked_to_stop:
            self._screen.trouble("The web process does not answer yet; its lines may say why.")

    def show_panel(self, *, flower: bool) -> None:
        """Say where everything is."""
        running = panel.Running(
            data=self._data,
            addresses=self._addresses,
            flower_login=self._flower_login() if flower else None,
            has_postgres=not self._environment.has("database_url"),
            is_simulated=self._environment.is_simulated,
            public_base_url=self._settings.public_base_url,
        )
        self._screen.panel("messaging is running", panel.facts(running))

    def await_first_message(self) -> None:
        """Say how long it took from the start to the first message on a (simulated) phone."""
        if not self._first:
            return
        if self._come_true(self._first_is_delivered):
            seconds = time.monotonic() - self._began
            self._screen.good(f"First message delivered {seconds:.1f} s after the start.")
        elif not self._supervisor.is_asked_to_stop:
            self._screen.trouble(
                f"No message was delivered within {_LIMIT:g} s; the lines above may say why."
            )

    def start_flower(self) -> None:
        """Start Flower. It comes last: it has no part in the first message and takes a second."""
        environment = self._environment.with_(
            FLOWER_BASIC_AUTH=self._flower_login(),
            FLOWER_PORT=str(self._addresses.flower),
            FLOWER_ADDRESS=LOOPBACK,
        )
        self._supervisor.start(crew.of_command(FLOWER, environment, self._guard))

    def play_demo(self) -> bool:
        """Show the lives of four messages until they end; whether they ended as they should."""
        demo = Demo(self._watch)
        with self._screen.picture():
            ended = self._supervisor.run(until=lambda: self._play(demo), limit=_DEMO_LIMIT)
        if self._supervisor.is_asked_to_stop:
            return False
        if ended and demo.went_well:
            self._screen.good("The four messages have ended as they should.")
        else:
            self._screen.trouble("The four messages have not ended as they should.")
        return ended and demo.went_well

    def close(self) -> None:
        """Let go of everything that the supervisor doesn't hold."""
        if hasattr(self, "_watch"):
            self._watch.close()
        if self._compiler:
            self._compiler.kill()
        for server in self._servers:
            server.stop()

    def _serve(self, server: Server) -> None:
        began = time.monotonic()
        self._servers.append(server)
        self._supervisor.start(crew.of_server(server))
        where = f"{panel.shown(server.folder)}, port {server.port}"
        self._screen.step(server.name, time.monotonic() - began, where)

    def _await_compiler(self) -> None:
        compiler, began = self._compiler, time.monotonic()
        if compiler:
            self._supervisor.run(until=lambda: compiler.exit_code() is not None, limit=_LIMIT)
            compiler.kill()
            self._screen.step("compiling", time.monotonic() - began, "only on a first start")

    def _come_true(self, condition: Callable[[], bool]) -> bool:
        """Whether it does within the limit. Raises Unreachable where a process can't start."""
        hopeless: list[str] = []

        def decided() -> bool:
            hopeless[:] = self._supervisor.hopeless
            return bool(hopeless) or condition()

        came = self._supervisor.run(until=decided, limit=_LIMIT)
        if hopeless:
            raise Unreachable(f"{hopeless[0]} does not start; its lines above say why.")
        return came

    def _answers(self) -> bool:
        web = is_healthy(self._addresses.web, "/healthz")
        return web and (not self._environment.is_simulated or accepts(self._addresses.simulator))

    def _first_is_delivered(self) -> bool:
        return any(map(is_delivered, self._watch.look(self._first)))

    def _play(self, demo: Demo) -> bool:
        if demo.look():
            self._screen.show(demo.picture(), demo.sentences())
        return demo.has_ended

    def _flower_login(self) -> str:
        return f"messaging:{secret.kept(self._data / 'flower-password', size=12)}"
