"""Whatever happens, in whatever order: no text is lost, and none is sent twice."""

import os
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.state.machine import Ends, Machine
from tests.state.world import World

FULL_SIZE = os.environ.get("MESSAGING_TEST_SCALE") == "full"
QUICK = settings(
    max_examples=50,
    stateful_step_count=35,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
FULL = settings(QUICK, max_examples=4000, stateful_step_count=60, derandomize=False)


def run(machine: type[Ends], world: World, size: settings) -> None:
    """Runs a machine in a world; raises what it finds, with the shortest way to it."""
    in_world = cast(type[RuleBasedStateMachine], lambda: machine(world))
    run_state_machine_as_test(in_world, settings=size)


def test_no_text_is_lost_and_none_is_sent_twice_whatever_happens(world: World) -> None:
    run(Machine, world, FULL if FULL_SIZE else QUICK)
