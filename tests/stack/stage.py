"""The place for one stack at a time: starting one ends the other."""

from types import TracebackType
from typing import Self

import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests.stack.stack import Shape, Stack


class Stage:
    """Keeps the stack that was asked for last, so that the next tests find it running."""

    def __init__(self, postgres: EmbeddedPostgres, folders: pytest.TempPathFactory) -> None:
        """Nothing starts yet."""
        self._postgres = postgres
        self._folders = folders
        self._name = ""
        self._stack: Stack | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def stack(self, name: str, shape: Shape) -> Stack:
        """The stack of this name: the one that runs, or a new one in its place."""
        if self._stack is None or self._name != name:
            self._clear()
            stack = Stack(shape, self._postgres, self._folders.mktemp(name))
            self._stack, self._name = stack.__enter__(), name
        return self._stack

    def _clear(self) -> None:
        stack, self._stack = self._stack, None
        if stack:
            stack.__exit__()
