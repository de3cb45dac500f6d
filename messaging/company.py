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


class Apart(Exception):
    """Raised by what is done together: it cannot be, and each caller does its own."""


class Company(Generic[Given, Told]):
    """One a process for each kind of work. Its methods may be called from any thread."""

    def __init__(self, most: int) -> None:
        """`most` is how many callers go together."""
        self._most = most
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
        together: Callable[[Sequence[Given]], Sequence[Told]],
        alone: Callable[[Given], Told],
    ) -> Told:
        """What doing it comes to for this caller.

        `together` returns a value for each caller, in their order. Where it raises Apart, each
        caller calls its own `alone`, in its own thread. Whatever else it raises, each caller gets.
        """
        caller: _Caller[Given, Told] = _Caller(given)
        with self._lock:
            self._waiting.append(caller)
            leads, self._is_led = not self._is_led, True
        if not leads:
            caller.turn.wait()
        if not caller.is_served:
            self._lead(together)
        if caller.is_apart:
            return alone(given)
        return caller.result()

    def _lead(self, together: Callable[[Sequence[Given]], Sequence[Told]]) -> None:
        """Serves everybody who waits, this thread's caller first, and names who leads next."""
        with self._lock:
            group = self._waiting[: self._most]
            del self._waiting[: self._most]
        try:
            told = together([caller.given for caller in group])
            for caller, one in zip(group, told, strict=True):
                caller.told.append(one)
        except Apart:
            for caller in group:
                caller.is_apart = True
        except BaseException as error:  # noqa: BLE001 - each caller raises it
            for caller in group:
                caller.error = error
        finally:
            self._resign(group)

    def _resign(self, group: Sequence["_Caller[Given, Told]"]) -> None:
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_led = following is not None
        for caller in group:
            caller.is_served = True
            caller.turn.set()
        if following is not None:
            following.turn.set()


class _Caller(Generic[Given, Told]):
    """One who waits: for its turn to lead, or to have been served."""

    __slots__ = ("error", "given", "is_apart", "is_served", "told", "turn")

    def __init__(self, given: Given) -> None:
        self.given = given
        self.turn = Event()
        self.is_served = False
        self.is_apart = False
        self.told: list[Told] = []
        self.error: BaseException | None = None

    def result(self) -> Told:
        if self.error is not None:
            raise self.error
        return self.told[0]
