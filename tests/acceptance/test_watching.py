"""What people and machines see of the work while it is done."""

import json
import urllib.error

import pytest

from tests.acceptance.pages import flower, flower_json, metrics, tasks_with, web
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Stack

MATCHED = 'messaging_receipts_total{result="matched"}'


def test_flower_lists_the_workers(calm: Stack) -> None:
    calm.wait_until(lambda: len(flower_json(calm, "/api/workers?refresh=1")) >= 3)
    names = {name.partition("@")[0] for name in flower_json(calm, "/api/workers")}
    assert {"worker-1", "worker-2", "bridge-1"} == names


def test_flower_shows_the_task_that_sent_a_text(calm: Stack) -> None:
    batch = Batch.of(calm, drafts(1, "Seen in Flower"))
    batch.assert_delivered_once()
    job = str(batch.ids[0])
    calm.wait_until(
        lambda: ["SUCCESS"] == [task["state"] for task in tasks_with(calm, job).values()]
    )
    (id,) = tasks_with(calm, job)
    assert job in flower(calm, f"/task/{id}")


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/api/workers", "/api/tasks"])
def test_flower_asks_for_a_login(calm: Stack, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        flower(calm, path, login=False)
    with refused.value:
        assert 401 == refused.value.code


def test_the_web_process_is_ready_and_counts_while_texts_are_sent(calm: Stack) -> None:
    before = metrics(calm)[MATCHED]
    batch = Batch.of(calm, drafts(300, "Counted"))
    batch.await_sent(1)
    assert json.loads(web(calm, "/readyz"))["ready"]
    batch.assert_delivered_once()
    after = metrics(calm)
    assert 1 == after["messaging_database_up"]
    assert after['messaging_last_day{result="delivered"}'] >= len(batch.ids)
    assert after[MATCHED] >= before + len(batch.ids)
