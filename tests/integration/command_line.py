"""The command line as a person or a script meets it: words in; exit code, stdout, stderr out."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from messaging.cli import main

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id of no message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout says, which is nothing but one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> tuple[int, str]:
        """The exit code, and the sentence on stderr without its mark."""
        return self.code, self.err.removeprefix("✗ ").rstrip("\n")


class CommandLine:
    """`messaging`, in an environment of the test's own."""

    def __init__(
        self,
        environment: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The environment stays as it is set here until the test ends."""
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        self.set(**environment)

    def set(self, **environment: str) -> None:
        """These variables too, or instead."""
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *words: object) -> Ran:
        """Runs `messaging` with these words."""
        self._capsys.readouterr()
        code = main([str(word) for word in words])
        said = self._capsys.readouterr()
        return Ran(code=code, out=said.out, err=said.err)
