"""A run by hand: one step after the other, and after each of them everything is checked."""

from collections.abc import Callable

from messaging import handover
from messaging.domain.job import InDoubtPolicy, Lane
from messaging.runtime import Runtime
from tests.state.machine import Machine
from tests.state.people import Wanted
from tests.state.twilio import Mood, Reaction
from tests.state.world import World


class Story:
    """The machine's own steps, in short words, all in the normal lane."""

    def __init__(self, world: World) -> None:
        self._run = Machine(world)
        self._run.begin(first=[], skew=0, with_receipts=True)

    def hand_over(self, *, wait: int = 0, policy: str | None = None) -> None:
        """A text is enqueued, for so many seconds later."""
        wanted = Wanted(way="python", wait=wait, policy=InDoubtPolicy(policy) if policy else None)
        self._step(lambda: self._run.hand_over(wanted, None))

    def send(self, reaction: Reaction) -> None:
        """A worker sends what there is."""
        run = self._run
        self._step(lambda: run.send("new", Lane.NORMAL, 0, [reaction], "nothing", None))

    def claim(self) -> None:
        """A worker claims what there is, or what it had before."""
        self._work("claim")

    def write(self, reaction: Reaction) -> None:
        """Its request is written."""
        self._work("write", reaction)

    def settle(self) -> None:
        """The answer that has waited longest is settled."""
        self._work("settle")

    def settle_again(self) -> None:
        """The same, and not for the last time."""
        self._work("settle again")

    def arrive(self) -> None:
        """A request that was on its way arrives."""
        self._work("arrive")

    def wait(self, seconds: int) -> None:
        """So much time passes, and nobody looks."""
        run = self._run
        self._step(lambda: run.time_passes(seconds, "nothing", Mood.FINE, "nothing", None))

    def beat(self, seconds: int) -> None:
        """So much time passes, and everybody looks; Twilio says the truth."""
        run = self._run
        self._step(lambda: run.time_passes(seconds, "everything", Mood.FINE, "nothing", None))

    def receive(self, word: str, *, which: int = 0) -> None:
        """A receipt comes, of the newest text or an older one."""
        self._step(lambda: self._run.receipts_come([(which, word, True)], None))

    def cancel(self) -> None:
        """A caller cancels the newest job."""
        self._step(lambda: self._run.decide("cancel", 0, 0, None))

    def keep(self) -> None:
        """Twilio is given what is for later."""
        self._let_twilio_keep(handover.hand_over, "nothing")

    def take_back(self, meanwhile: str) -> None:
        """Twilio is asked to give back what is wanted back, and this happens before it answers."""
        self._let_twilio_keep(handover.take_back, meanwhile)

    def purge(self) -> None:
        """Somebody empties the queue."""
        self._step(lambda: self._run.accident("queue purged", Lane.NORMAL, 0))

    def end(self) -> None:
        """Everything runs to its end."""
        self._run.teardown()

    def _let_twilio_keep(self, verb: Callable[[Runtime], int], meanwhile: str) -> None:
        run, yes = self._run, [Reaction.ACCEPTED]
        self._step(lambda: run.let_twilio_keep(verb, yes, Mood.FINE, meanwhile, None))

    def _work(self, step: str, reaction: Reaction = Reaction.ACCEPTED) -> None:
        self._step(lambda: self._run.work_slowly(step, Lane.NORMAL, 0, reaction, None))

    def _step(self, act: Callable[[], None]) -> None:
        act()
        self._run.check()
