"""That a process is to stop, which also wakes those of its threads that wait for a socket."""

import os
from threading import Event, RLock


class Stopping(Event):
    """An event with a file descriptor that is readable once it is set, for select.poll and its kin.

    Its methods may be called from any thread.
    """

    def __init__(self) -> None:
        """There is no descriptor until somebody asks for it."""
        super().__init__()
        self._pipe: tuple[int, int] | None = None
        self._opening = RLock()

    def set(self) -> None:
        """It is to stop, for good."""
        with self._opening:
            if self._pipe and not self.is_set():
                os.write(self._pipe[1], b"!")
            super().set()

    def fileno(self) -> int:
        """The descriptor. Raises OSError where the process has no more of them."""
        with self._opening:
            if self._pipe is None:
                self._pipe = os.pipe()
                if self.is_set():
                    os.write(self._pipe[1], b"!")
        return self._pipe[0]

    def close(self) -> None:
        """Lets go of the descriptor, for which nobody waits any more."""
        with self._opening:
            pipe, self._pipe = self._pipe, None
        for end in pipe or ():
            os.close(end)
