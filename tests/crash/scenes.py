"""Scenes: a text, the place at which its process is held and killed, and how it ends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count

from messaging import Draft, JobId
from messaging.domain.job import InDoubtPolicy
from messaging.local.simulator import Call, Kind, Match, Rule
from messaging.local.simulator.api import call_of
from tests.crash.endings import Ending, ending_of
from tests.crash.gates import Gate, Gates, Moment
from tests.stack.batch import recipient
from tests.stack.stack import Stack

SILENT = Rule(kind=Kind.CALLBACK_LOST)
"""No callback tells what became of the text."""
_STAGES = {
    Kind.HANG_BEFORE: "before",
    Kind.HANG_AFTER: "after",
    Kind.HANG_MIDWAY: "midway",
}
LIMIT = 90.0
_numbers = count()


def once(kind: Kind, call: Call = Call.CREATE) -> Rule:
    """This happens to the first request alone."""
    return Rule(kind=kind, call=call, count=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One text and its process. It is held in Postgres (`change`, `moment`) or at Twilio."""

    ending: Ending
    or_else: Ending | None = None
    """Another ending that is as good, where chance decides."""
    change: str | None = None
    moment: Moment = Moment.STATEMENT
    rules: Sequence[Rule] = ()
    policy: InDoubtPolicy | None = None
    carrier_retries: int | None = None


class Play:
    """Scenes that are played at the same time with one process, each with a text of its own."""

    def __init__(self, stack: Stack, gates: Gates, title: str, scenes: Mapping[str, Scene]) -> None:
        """Nothing happens yet. The texts are called by the title and their scene."""
        self.stack = stack
        self.title = title
        self.scenes = scenes
        self.ids: dict[str, JobId] = {}
        self._gates = gates
        self._shut: list[Gate] = []

    def body(self, name: str) -> str:
        """The words of a scene's text."""
        return f"{self.title}: {name}."

    def enqueue(
        self, *names: str, priority: int = 0, scheduled_for: datetime | None = None
    ) -> None:
        """Arms these scenes and hands their texts over."""
        for name in names:
            self.arm(name)
            draft = Draft(
                to=recipient(next(_numbers)),
                body=self.body(name),
                priority=priority,
                in_doubt_policy=self.scenes[name].policy,
                max_carrier_retries=self.scenes[name].carrier_retries,
                scheduled_for=scheduled_for,
            )
            (answer,) = self.stack.messaging.enqueue_many([draft])
            assert answer.id is not None
            self.ids[name] = answer.id

    def arm(self, name: str) -> None:
        """Shuts the scene's gate and adds its faults, but those of calls that name no text."""
        if gate := self._gate(name):
            self._gates.shut(gate)
            self._shut.append(gate)
        for rule in self.scenes[name].rules:
            if rule.call is Call.CREATE:
                self.stack.twilio.faults.add(replace(rule, match=Match(body=self.body(name))))

    def arm_calls(self, name: str) -> None:
        """Adds the scene's faults of calls that name no text: they hit whoever comes next."""
        for rule in self.scenes[name].rules:
            if rule.call is not Call.CREATE:
                self.stack.twilio.faults.add(rule)

    def enqueue_until_held(self, *names: str, priority: int = 0) -> None:
        """Returns when the process is held at all of these places.

        First those in Postgres, which hold for ever: at Twilio it waits for some seconds only.
        And those one after the other: a statement for several texts would be held by one of them.
        """
        at_twilio = [name for name in names if self.scenes[name].change is None]
        in_postgres = [[name] for name in names if name not in at_twilio]
        for some in (*in_postgres, at_twilio):
            self.enqueue(*some, priority=priority)
            self.wait_until_held(*some)

    def wait_until_held(self, *names: str) -> None:
        """Returns when the process is held at the places of these scenes."""
        for name in names:
            held = self.stack.comes_true(partial(self._is_held, name), LIMIT)
            assert held, f"{name!r} was not reached; jobs: {self.stack.jobs()}"

    def wait_until(self, name: str, condition: str) -> None:
        """Returns when this is true of the scene's row."""
        statement = f"select exists (select from message_jobs where id = %s and ({condition}))"

        def is_true() -> bool:
            row = self.stack.db.execute(statement.encode(), [self.ids[name]]).fetchone()
            return row == (True,)

        assert self.stack.comes_true(is_true, LIMIT), f"{name!r} does not come to {condition}"

    def end_leases(self) -> None:
        """Lets the leases of these jobs and of their entries be over: their processes are dead."""
        self._put(self.ids, "now()")
        ids = [str(id) for id in self.ids.values()]
        for queue in ("sms_queue", "sms_priority_queue"):
            statement = (
                f"update pgmq.q_{queue} set vt = clock_timestamp() "
                "where message ->> 'job_id' = any(%s)"
            )
            self.stack.db.execute(statement.encode(), [ids])

    def assert_ends(self, name: str) -> None:
        """Waits until the scene's text has come to its end; no wait is waited for."""
        scene = self.scenes[name]

        def has_ended() -> bool:
            if ending_of(self.stack, self.ids[name]) in (scene.ending, scene.or_else):
                return True
            self.stack.db.execute(
                "update message_jobs set due_at = now() "
                "where id = %s and status in ('in_doubt', 'retrying')",
                [self.ids[name]],
            )
            return False

        if not self.stack.comes_true(has_ended, LIMIT):
            assert scene.ending == ending_of(self.stack, self.ids[name])

    def bring_forward(self, *names: str) -> None:
        """Lets the time that these jobs wait for, a lease or a pause, be over now."""
        self._put(names, "now()")

    def put_off(self, *names: str) -> None:
        """Nobody looks at these jobs until they are brought forward."""
        self._put(names, "now() + interval '1 hour'")

    def open(self) -> None:
        """Opens all gates; to be called once nobody is there any more who could go on."""
        self._gates.open(self._shut)
        self._shut.clear()

    def _put(self, names: Iterable[str], due_at: str) -> None:
        ids = [self.ids[name] for name in names]
        statement = (
            f"update message_jobs set due_at = {due_at} where id = any(%s) and status in "
            "('processing', 'in_doubt', 'retrying', 'pending') or id = any(%s) and recall <> ''"
        )
        self.stack.db.execute(statement.encode(), [ids, ids])

    def _gate(self, name: str) -> Gate | None:
        scene = self.scenes[name]
        if scene.change is None:
            return None
        return Gate(change=scene.change, moment=scene.moment, body=self.body(name))

    def _is_held(self, name: str) -> bool:
        if gate := self._gate(name):
            return self._gates.somebody_waits_at(gate)
        (rule,) = {rule for rule in self.scenes[name].rules if rule.kind in _STAGES}
        return any(
            held.stage == _STAGES[rule.kind]
            and call_of(held.turn.request) is rule.call
            and held.body in ("", self.body(name))
            for held in self.stack.twilio.holds.held
        )
