"""Who comes while somebody is at work goes together with the others who did, and nobody is lost."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from messaging.company import Apart, Company
from messaging.local.process import wait_until

PATIENT = 10.0
"""Seconds, after which a test gives up."""


class Work:
    """Doubles numbers, and the first group only once it may; keeps what it was given."""

    def __init__(self, most: int = 100, patience: float = PATIENT) -> None:
        self.company: Company[int, int] = Company(most, patience)
        self.groups: list[list[int]] = []
        self.alone: list[int] = []
        self.may_go_on = Event()
        self.error: Exception | None = None
        """Raised for each group after the first."""
        self.apart: set[int] = set()
        """Numbers that do not go together with others."""

    def do(self, number: int) -> int:
        return self.company.join(number, together=self._together, alone=self._alone)

    def _together(self, numbers: Sequence[int]) -> Sequence[int | Apart]:
        self.groups.append(list(numbers))
        if len(self.groups) == 1:
            assert self.may_go_on.wait(PATIENT)
        elif self.error:
            raise self.error
        return [Apart() if number in self.apart else 2 * number for number in numbers]

    def _alone(self, number: int) -> int:
        self.alone.append(number)
        return 2 * number


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def crowd(work: Work, threads: ThreadPoolExecutor, count: int) -> list[Future[int]]:
    """The first caller is at work, and the others wait, in their order."""
    callers: list[Future[int]] = []
    for number in range(1, count + 1):
        callers.append(threads.submit(work.do, number))
        assert wait_until(lambda: waits(work, len(callers)), limit=PATIENT)
    work.may_go_on.set()
    return callers


def waits(work: Work, callers: int) -> bool:
    return bool(work.groups) and work.company.waiting == callers - 1


def results(callers: Sequence[Future[int]]) -> list[int]:
    return [caller.result(PATIENT) for caller in callers]


def test_a_caller_without_company_waits_for_nobody() -> None:
    work = Work()
    work.may_go_on.set()
    assert [2, 4] == [work.do(1), work.do(2)]
    assert [[1], [2]] == work.groups


def test_who_waits_goes_together(threads: ThreadPoolExecutor) -> None:
    work = Work()
    assert [2, 4, 6, 8] == results(crowd(work, threads, 4))
    assert [[1], [2, 3, 4]] == work.groups


def test_a_group_has_a_limit(threads: ThreadPoolExecutor) -> None:
    work = Work(most=2)
    assert [2, 4, 6, 8] == results(crowd(work, threads, 4))
    assert [[1], [2, 3], [4]] == work.groups


def test_those_who_cannot_go_together_go_alone(threads: ThreadPoolExecutor) -> None:
    work = Work()
    work.error = Apart()
    assert [2, 4, 6] == results(crowd(work, threads, 3))
    assert [2, 3] == sorted(work.alone)


def test_of_a_group_some_may_go_alone(threads: ThreadPoolExecutor) -> None:
    work = Work()
    work.apart = {3}
    assert [2, 4, 6, 8] == results(crowd(work, threads, 4))
    assert ([[1], [2, 3, 4]], [3]) == (work.groups, work.alone)


def test_who_has_waited_for_long_goes_alone_and_is_not_served_twice(
    threads: ThreadPoolExecutor,
) -> None:
    work = Work(patience=0.01)
    first = threads.submit(work.do, 1)
    assert [4, 6] == [threads.submit(work.do, number).result(PATIENT) for number in (2, 3)]
    work.may_go_on.set()
    assert 2 == first.result(PATIENT)
    assert ([[1]], [2, 3]) == (work.groups, work.alone)


def test_an_error_is_everybody_s_and_the_next_caller_is_served(
    threads: ThreadPoolExecutor,
) -> None:
    work = Work()
    work.error = ValueError("no")
    first, *others = crowd(work, threads, 3)
    assert 2 == first.result(PATIENT)
    for caller in others:
        with pytest.raises(ValueError, match="no"):
            caller.result(PATIENT)
    work.error = None
    assert 14 == threads.submit(work.do, 7).result(PATIENT)


@pytest.mark.parametrize("made", [lambda n: [], lambda n: [0] * (n + 1)], ids=["less", "more"])
def test_an_answer_for_too_few_or_too_many_is_an_error(made: Callable[[int], list[int]]) -> None:
    company: Company[int, int] = Company(10)
    with pytest.raises(ValueError, match="zip"):
        company.join(1, together=lambda them: made(len(them)), alone=lambda one: one)


def test_of_many_callers_each_gets_its_own(threads: ThreadPoolExecutor) -> None:
    work = Work(most=5)
    work.may_go_on.set()
    numbers = list(range(3000))
    assert [2 * number for number in numbers] == list(threads.map(work.do, numbers))
    assert sorted(numbers) == sorted(number for group in work.groups for number in group)
