"""Templates that try to escape or to explode are refused when they are saved; nothing of them runs.

`escapes.json` has them: what each tries, its source, and how often the part between << and >> is
repeated. What is still measured in time is printed only: a busy machine fails no test.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from types import FrameType

import pytest

from messaging.domain.content import read
from messaging.domain.linting import lint
from messaging.domain.templates import compile_template
from messaging.errors import Refused

ESCAPES = json.loads(Path(__file__).with_name("escapes.json").read_text(encoding="utf-8"))
MOST_WORK = 100_000
"""Calls of functions, Python's and C's, that judging one source may take."""


def source_of(written: str, times: int = 1) -> str:
    return re.sub("<<(.+?)>>", lambda found: found[1] * times, written)


SOURCES = [(tries, source_of(*rest)) for tries, *rest in ESCAPES]


class Watch:
    """Counts what runs, and notices what must not."""

    def __init__(self) -> None:
        self.calls = 0
        self.ran: Counter[str] = Counter()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "c_call"):
            self.calls += 1
        if event == "call":
            code = frame.f_code
            made_of_a_template = code.co_filename.startswith("<template") or code.co_name == "root"
            filters = code.co_filename.endswith(("jinja2/filters.py", "jinja2/runtime.py"))
            if made_of_a_template or filters or code.co_name == "generate":
                self.ran[f"{code.co_filename}:{code.co_name}"] += 1

    def looks_at(self, source: str) -> list[str]:
        """What linting finds wrong with this source, as it is watched."""
        sys.setprofile(self)
        try:
            found = lint({"content_template": source}).errors
        finally:
            sys.setprofile(None)
        return [error.what for error in found]


def test_there_are_many_of_them() -> None:
    assert len(SOURCES) >= 200
    assert len(SOURCES) == len({source for _, source in SOURCES})


@pytest.mark.parametrize(("tries", "source"), SOURCES, ids=range(len(SOURCES)))
def test_it_is_refused_with_a_reason_and_without_being_run(tries: str, source: str) -> None:
    watch = Watch()
    errors = watch.looks_at(source)
    assert errors, tries
    assert Counter() == watch.ran
    assert watch.calls <= MOST_WORK


@pytest.mark.parametrize(("tries", "source"), SOURCES, ids=range(len(SOURCES)))
def test_a_message_of_it_is_refused_too(tries: str, source: str) -> None:
    """It came into the table past linting: with SQL."""
    with pytest.raises(Refused):
        read({"content_template": source}).render({"a": "x", "name": "x"})


@pytest.mark.parametrize("key", ["texts", "media_urls"])
def test_it_is_refused_wherever_it_stands(key: str) -> None:
    bad = "{{ a.__class__ }}"
    value = {"de": bad} if key == "texts" else [bad]
    (error,) = lint({"content_template": "Hi", key: value}).errors
    assert "a dot or a key after a name is not allowed" in error.what


def test_a_value_that_looks_like_a_template_comes_out_as_it_is() -> None:
    for _, source in SOURCES:
        value = source[:1600]
        assert value == read({"content_template": "{{ a }}"}).render({"a": value}).text


def test_how_long_the_slowest_takes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    took = []
    for tries, source in SOURCES:
        begun = perf_counter()
        lint({"content_template": source})
        took.append((perf_counter() - begun, tries, source[:40]))
    slowest, tries, source = max(took)
    with capsys.disabled():
        print(f" slowest refusal: {slowest * 1000:.1f} ms, {tries}: {source}", end=" ")
    assert compile_template("{{ a }}").render({"a": "b"}) == "b"
