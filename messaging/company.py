"""Company: what several threads want done at the same time is done together, and nobody waits.

Whoever comes first does it at once, alone. Whoever comes while that is under way waits for its
end; then the first of them does it for all. So a group is as large as there is work, and a single
caller is as fast as without company.
"""

from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

Given = TypeVar("Given")
Told = TypeVar("Told")

PATIENCE = 1.0
"""Seconds that a caller waits for its turn; after that it goes alone. Whoever is at work may have
a connection that is dead, or a row that somebody holds."""


class Apart(Exception):
    """A caller's thing cannot be done together with the others', and it is to do it alone."""


class Company(Generic[Given, Told]):
    """One a process for each kind of work. Its methods may be called from any thread."""

    def __init__(self, most: int, patience: float = PATIENCE) -> None:
        """`most` is how many callers go together."""
        self._most = most
        self._patience = patience
        self._lock = Lock()
        self._waiting: list[_Caller[Given, Told]] = []
        self._is_led = False

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        with self._lock:
            return len(self._waiting)

    def join(
        self,
        given: Given,
        *,
        together: Callable[[Sequence[Given]], Sequence[Told | Apart]],
        alone: Callable[[Given], Told],
    ) -> Told:
        """What doing it comes to for this caller.

        `together` returns a value for each caller, in their order. Where that is Apart, or Apart
        is raised for all, each calls its own `alone`, in its own thread. Whatever else is raised,
        each caller gets.
        """
        caller: _Caller[Given, Told] = _Caller(given)
        with self._lock:
            self._waiting.append(caller)
            caller.leads, self._is_led = not self._is_led, True
        if not caller.leads and not caller.turn.wait(self._patience):
            if self._leaves(caller):
                return alone(given)
            caller.turn.wait()
        if caller.leads:
            self._lead(together)
        told = caller.result()
        return alone(given) if isinstance(told, Apart) else told

    def _leaves(self, caller: "_Caller[Given, Told]") -> bool:
        """Whether nobody has begun with what this caller wants, and nobody will now."""
        with self._lock:
            if caller.leads or caller not in self._waiting:
                return False
            self._waiting.remove(caller)
            return True

    def _lead(self, together: Callable[[Sequence[Given]], Sequence[Told | Apart]]) -> None:
        """Serves everybody who waits, this thread's caller first, and names who leads next."""
        with self._lock:
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
        try:
            told = together([caller.given for caller in group])
            for caller, one in zip(group, told, strict=True):
                caller.told = one
        except Apart as apart:
            for caller in group:
                caller.told = apart
        except Exception as error:  # noqa: BLE001 - each caller raises it
            for caller in group:
                caller.error = error
        finally:
            self._resign(group)

    def _resign(self, group: Sequence["_Caller[Given, Told]"]) -> None:
        with self._lock:
            following = self._waiting[:1]
            self._is_led = bool(following)
            for caller in following:
                caller.leads = True
        for caller in (*group, *following):
            caller.turn.set()


class _Caller(Generic[Given, Told]):
    """One who waits: for its turn to lead, or until it has been served."""

    __slots__ = ("error", "given", "leads", "told", "turn")

    def __init__(self, given: Given) -> None:
        self.given = given
        self.turn = Event()
        self.leads = False
        self.told: Told | Apart = Apart()
        self.error: Exception | None = None

    def result(self) -> Told | Apart:
        if self.error is not None:
            raise self.error
        return self.told
