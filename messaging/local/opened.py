"""What is opened with `with`, in steps, and closed whole, in whatever way the block ends."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Self


class Opened(ABC):
    """Opens in `_open`, where each step puts on `_closing` what undoes it."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self._closing)
            self._open()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @abstractmethod
    def _open(self) -> None:
        """Open everything. Where that fails half-way, the rest is closed again."""
