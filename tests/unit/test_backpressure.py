"""Acknowledgements that wait while a worker has enough to send."""

from messaging.intake import Backpressure
from tests.unit.hub import Hub


class Worker:
    """It has so many texts, and notes what is acknowledged."""

    def __init__(self, texts: int) -> None:
        self.texts = texts
        self.acknowledged: list[str] = []
        self.hub = Hub()
        self.backpressure = Backpressure(100, lambda: self.texts)

    def begin(self, words: str) -> None:
        self.backpressure.acknowledge(self.hub, self.acknowledged.append, words)


def test_a_task_that_fills_nothing_up_is_acknowledged_at_once() -> None:
    worker = Worker(texts=99)
    worker.begin("first")
    assert ["first"] == worker.acknowledged
    assert not worker.backpressure.is_on
    assert not worker.hub.later


def test_where_there_is_enough_to_send_it_is_acknowledged_once_there_is_less() -> None:
    worker = Worker(texts=100)
    worker.begin("first")
    worker.hub.pass_time(1)
    assert worker.backpressure.is_on
    worker.texts = 99
    worker.hub.pass_time(1)
    assert ["first"] == worker.acknowledged
    assert not worker.backpressure.is_on
    worker.hub.pass_time(1)
    assert ["first"] == worker.acknowledged
    assert not worker.hub.later


def test_what_is_forgotten_is_never_acknowledged() -> None:
    worker = Worker(texts=100)
    worker.begin("of a lost connection")
    worker.backpressure.forget()
    assert not worker.backpressure.is_on
    worker.texts = 0
    worker.hub.pass_time(1)
    assert [] == worker.acknowledged


def test_where_the_hub_has_lost_its_timer_the_next_task_frees_both() -> None:
    worker = Worker(texts=100)
    worker.begin("first")
    worker.hub.later.clear()
    worker.begin("second")
    worker.texts = 0
    worker.hub.pass_time(1)
    assert ["first", "second"] == worker.acknowledged
