"""Scenes: a text, the place at which its process is held and killed, and how it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count

from messaging import Draft, JobId
from messaging.domain.job import InDoubtPolicy
from messaging.local.simulator import Kind, Match, Rule
from tests.crash.endings import Ending
from tests.crash.gates import Gate, Gates, Moment
from tests.stack.batch import recipient
from tests.stack.stack import Stack

SILENT = Rule(kind=Kind.CALLBACK_LOST)
"""No callback tells what became of the text."""
HANGING = {Kind.HANG_BEFORE, Kind.HANG_AFTER, Kind.HANG_MIDWAY}
LIMIT = 30.0
_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One text and its process. It is held in Postgres (`change`, `moment`) or at Twilio."""

    ending: Ending
    change: str | None = None
    moment: Moment = Moment.STATEMENT
    rules: Sequence[Rule] = ()
    policy: InDoubtPolicy | None = None


class Play:
    """Scenes that are played at the same time with one process, each with a text of its own."""

    def __init__(self, stack: Stack, gates: Gates, title: str, scenes: Mapping[str, Scene]) -> None:
        """Arms every gate and every fault. The texts are called by the title and their scene."""
        self.stack = stack
        self.gates = gates
        self.title = title
        self.scenes = scenes
        self.ids: dict[str, JobId] = {}
        for name in scenes:
            self._arm(name)

    def body(self, name: str) -> str:
        """The words of a scene's text."""
        return f"{self.title}: {name}."

    def enqueue(
        self, *names: str, priority: int = 0, scheduled_for: datetime | None = None
    ) -> None:
        """Hands the texts of these scenes over."""
        for name in names:
            (answer,) = self.stack.messaging.enqueue_many(
                [
                    Draft(
                        to=recipient(next(_numbers)),
                        body=self.body(name),
                        priority=priority,
                        in_doubt_policy=self.scenes[name].policy,
                        scheduled_for=scheduled_for,
                    )
                ]
            )
            assert answer.id is not None
            self.ids[name] = answer.id

    def wait_until_held(self, *names: str) -> None:
        """Returns when the process is held at the places of these scenes."""
        for name in names:
            held = self.stack.comes_true(partial(self._is_held, name), LIMIT)
            assert held, f"{name!r} was not reached; jobs: {self.stack.jobs()}"

    def open(self) -> None:
        """Opens all gates; to be called once nobody is there any more who could go on."""
        self.gates.open(filter(None, map(self._gate, self.scenes)))

    def _arm(self, name: str) -> None:
        if gate := self._gate(name):
            self.gates.shut(gate)
        for rule in self.scenes[name].rules:
            self.stack.twilio.faults.add(replace(rule, match=Match(body=self.body(name))))

    def _gate(self, name: str) -> Gate | None:
        scene = self.scenes[name]
        if scene.change is None:
            return None
        return Gate(change=scene.change, moment=scene.moment, body=self.body(name))

    def _is_held(self, name: str) -> bool:
        if gate := self._gate(name):
            return self.gates.somebody_waits_at(gate)
        bodies = {held.body for held in self.stack.twilio.holds.held}
        return self.body(name) in bodies
