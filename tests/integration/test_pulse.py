"""Signs of life of one process, and what it says when it cannot give them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import pytest
from celery import Celery
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from messaging import probe, runtime
from messaging.domain.liveness import Look
from messaging.local.ports import any_free
from messaging.local.process import wait_until
from messaging.pulse import Heart
from messaging.runtime import Runtime
from messaging.settings import load
from messaging.watching import Broker, Ticks, roles_of

Database = Connection[TupleRow]
QUICK = {"MESSAGING_PULSE": "0.05"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def rt(environment: dict[str, str]) -> Iterator[Runtime]:
    rt = runtime.build(load(environment | QUICK))
    yield rt
    rt.close()


@contextmanager
def beating(
    rt: Runtime, roles: list[str], lives: Callable[[], bool] = lambda: True
) -> Iterator[Heart]:
    heart = Heart(rt, roles, "one@here", lives)
    heart.start()
    try:
        yield heart
    finally:
        heart.stop()


def known(db: Database) -> list[tuple[str, str]]:
    rows = db.execute("select process, role from messaging.heartbeats order by process, role")
    return [(process, role) for process, role in rows]


def comes(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, limit=15)


def test_a_process_is_known_in_all_its_roles_until_it_ends(rt: Runtime, db: Database) -> None:
    with beating(rt, ["bridge", "worker"]):
        comes(lambda: [("one@here", "bridge"), ("one@here", "worker")] == known(db))
        assert (0, 0) == (probe.probe("bridge")[0], probe.probe("worker")[0])
    assert [] == known(db)
    assert 1 == probe.probe("worker")[0]


def test_a_process_that_does_not_work_gives_no_sign_of_life(rt: Runtime, db: Database) -> None:
    asked: list[bool] = []

    def lives() -> bool:
        asked.append(True)
        return False

    with beating(rt, ["web"], lives):
        comes(lambda: len(asked) > 3)
        assert [] == known(db)
        assert 1 == probe.probe("web")[0]


def test_whoever_gives_signs_of_life_looks_and_tells_what_fires(
    environment: dict[str, str], db: Database, folder: Path
) -> None:
    told = folder / "told"
    quick = {
        **QUICK, "MESSAGING_ALERT_PATIENCE": "0", "MESSAGING_ALERT_COMMAND": f"tee {told}",
    }  # fmt: skip
    rt = runtime.build(load(environment | quick))
    with beating(rt, ["worker", "bridge"]):
        comes(lambda: told.exists() and '"alert": "silent", "subject": "beat"' in told.read_text())
    rt.close()


def test_a_process_forgets_others_of_its_machine_that_ended_without_a_word(
    rt: Runtime, db: Database
) -> None:
    probe.write("worker", "one@here", 0)
    for path in Path(probe.folder()).iterdir():
        path.with_name("worker-4194305").write_text("0 old@here")
    db.execute("insert into messaging.heartbeats (process, role) values ('old@here', 'worker')")
    with beating(rt, ["worker"]):
        comes(lambda: [("one@here", "worker")] == known(db))


def test_a_process_lives_without_postgres_and_says_nothing_about_it(
    environment: dict[str, str],
) -> None:
    nowhere = f"postgresql://x:x@127.0.0.1:{any_free()}/x"
    rt = runtime.build(load(environment | QUICK | {"DATABASE_URL": nowhere}))
    with capture_logs() as logs, beating(rt, ["worker"]):
        comes(lambda: 0 == probe.probe("worker")[0])
    rt.close()
    assert [] == logs


@pytest.mark.parametrize("trouble", ["not migrated", "nowhere to write"])
def test_a_process_that_cannot_show_that_it_lives_says_so_once(
    rt: Runtime, db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    beats: list[bool] = []
    if trouble == "not migrated":
        db.execute("drop function messaging.heartbeat")
    else:
        (folder / "file").touch()
        monkeypatch.setenv("TMPDIR", str(folder / "file"))

    def lives() -> bool:
        beats.append(True)
        return True

    with capture_logs() as logs:
        with beating(rt, ["worker"], lives):
            comes(lambda: bool(logs) and len(beats) > 5)
        failed = [log for log in logs if log["event"] == "pulse_failed"]
    assert 1 == len(failed)


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        (["bridge", "upkeep"], ["bridge"]),
        (["deliver.urgent", "deliver.normal"], ["worker"]),
        (["deliver.normal", "upkeep"], ["bridge", "worker"]),
        ([], []),
    ],
)
def test_what_a_worker_is_follows_from_its_queues(queues: list[str], expected: list[str]) -> None:
    assert expected == roles_of(queues)


@pytest.mark.parametrize(
    ("ago", "is_there", "expected"), [(1, True, 0), (31, True, 1), (31, False, 0)]
)
def test_beat_has_something_to_do_when_it_is_late_and_the_broker_answers(
    environment: dict[str, str], ago: float, is_there: bool, expected: int
) -> None:
    url = environment["REDIS_URL"] if is_there else f"redis://127.0.0.1:{any_free()}/0"
    ticked = monotonic() - ago
    with Celery(broker=url, set_as_current=False) as app:
        broker = Broker(app)
        look = Ticks(SimpleNamespace(_last_tick=ticked), broker, monotonic).look()
        broker.close()
    assert Look(waiting=expected, done=(round(1000 * ticked),), has_room=True) == look


def test_a_broker_is_asked_again_after_it_was_away(environment: dict[str, str]) -> None:
    with Celery(broker=environment["REDIS_URL"], set_as_current=False) as app:
        broker = Broker(app)
        assert 0 == broker.waiting(["upkeep"])
        app.send_task("messaging.promote", queue="upkeep")
        assert 1 == broker.waiting(["upkeep", "bridge"])
        app.conf.broker_url = f"redis://127.0.0.1:{any_free()}/0"
        broker.close()
        assert None is broker.waiting(["upkeep"])


def test_signs_of_life_go_into_no_folder_that_others_may_write_to(folder: Path) -> None:
    probe.write("worker", "one@here", monotonic() + 60)
    mine = Path(probe.folder())
    assert 0 == probe.probe("worker")[0]
    mine.chmod(0o777)
    with pytest.raises(OSError, match="remove it, or set TMPDIR"):
        probe.write("worker", "one@here", monotonic() + 60)
    assert 1 == probe.probe("worker")[0]


def test_signs_of_life_follow_no_link_that_somebody_laid(folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    Path(probe.folder()).symlink_to(elsewhere)
    with pytest.raises(OSError, match="not this user's own"):
        probe.write("worker", "one@here", monotonic() + 60)
    assert [] == list(elsewhere.iterdir())
