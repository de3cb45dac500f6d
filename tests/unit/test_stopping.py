"""A process that is to stop wakes those who wait for it, and those who wait for a socket."""

import os
import select
from collections.abc import Iterator

import pytest

from messaging.stopping import Stopping


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    made = Stopping()
    yield made
    made.close()


def is_heard(stopping: Stopping, longest: float = 0) -> bool:
    """Whether who waits for it, with sockets, wakes up."""
    poll = select.poll()
    poll.register(stopping, select.POLLIN)
    return bool(poll.poll(longest * 1000))


def test_who_waits_for_a_socket_hears_that_it_is_to_stop(stopping: Stopping) -> None:
    assert not is_heard(stopping)
    stopping.set()
    assert is_heard(stopping)
    assert stopping.wait(0)


def test_who_comes_afterwards_hears_it_as_well(stopping: Stopping) -> None:
    stopping.set()
    assert is_heard(stopping)
    assert is_heard(stopping), "each of them, not the first alone"


def test_it_may_be_said_any_number_of_times(stopping: Stopping) -> None:
    assert not is_heard(stopping)
    for _ in range(100_000):  # more than a pipe holds
        stopping.set()
    assert is_heard(stopping)


def test_what_has_let_go_of_its_descriptor_can_still_be_told(stopping: Stopping) -> None:
    descriptor = stopping.fileno()
    stopping.close()
    stopping.set()
    assert stopping.is_set()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
