"""The report of a run, for people at a terminal or in a browser, and for programs."""

import json
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from messaging.errors import Refused
from messaging.local.chaos.chart import HEIGHT, WIDTH, chart
from messaging.local.chaos.options import ChaosOptions, expect_writable
from messaging.local.chaos.outcome import Course, Outcome
from messaging.local.chaos.report import BASELINE, document, page, picture, write
from tests.chaos.outcomes import FAILED, PASSED


def printed(outcome: Outcome) -> str:
    console = Console(width=400, record=True, file=None, quiet=False)
    with console.capture() as capture:
        for part in picture(outcome):
            console.print(part)
    return capture.get()


@pytest.mark.parametrize("show", [printed, page])
@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (PASSED, "5,000 texts through 60 kills: none lost, none doubled."),
        (PASSED, "40 × child of a worker, 20 × Redis"),
        (PASSED, "p50 60.1 s, p99 61.5 s, longest 61.5 s; p99 may be 65 s"),
        (PASSED, "no text was interrupted like this"),
        (PASSED, "12 × error after"),
        (PASSED, "Python 3.11.7"),
        (PASSED, "60 s"),
        (replace(PASSED, decided=2), "held, looked up at Twilio and resolved"),
        (FAILED, "5,000 texts through 60 kills: 1 lost, 2 doubled, 1 process left."),
        (FAILED, "4711 python"),
    ],
)
def test_people_are_told_what_was_done_and_what_was_found(
    show: object, outcome: Outcome, words: str
) -> None:
    assert callable(show)
    assert words in show(outcome)


@pytest.mark.parametrize("show", [printed, page])
def test_the_baseline_is_called_one(show: object) -> None:
    assert callable(show)
    baseline = replace(FAILED, is_baseline=True, sender="plain Celery")
    assert [True, False] == [BASELINE in show(one) for one in (baseline, FAILED)]
    assert "from the kill" not in show(baseline)


def test_what_both_records_say_of_a_bad_text_is_on_the_page_and_cannot_change_it() -> None:
    shown = page(FAILED)
    assert "SM9" in shown
    assert "&lt;b&gt;Hello&lt;/b&gt;" in shown
    assert "<b>Hello</b>" not in shown


class Outside(HTMLParser):
    """Collects whatever a browser would load from somewhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]
        self.found += [tag] if tag in ("link", "script", "img", "iframe") else []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    outside = Outside()
    outside.feed(page(FAILED))
    assert [] == outside.found
    assert "url(" not in page(FAILED)


def test_programs_get_everything() -> None:
    read = json.loads(document(FAILED))
    assert (False, ["job-2", "job-3"]) == (read["is_passed"], read["findings"]["doubled"])
    assert {"child of a worker": 40, "Redis": 20} == read["done"]["kills"]


@pytest.mark.parametrize(("name", "begins"), [("r.html", "<!doctype html>"), ("r.json", "{")])
def test_the_suffix_says_what_a_report_is(tmp_path: Path, name: str, begins: str) -> None:
    write(tmp_path / name, PASSED)
    assert (tmp_path / name).read_text().startswith(begins)


@pytest.mark.parametrize("name", ["report", "report.pdf", "missing/report.html"])
def test_a_report_that_could_not_be_written_is_refused_beforehand(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(Refused):
        expect_writable(tmp_path / name)


def test_trouble_lasts_three_quarters_of_a_second_a_kill_unless_told_otherwise() -> None:
    told = ChaosOptions(kills=60, trouble=timedelta(minutes=2))
    assert [45.0, 120.0] == [one.duration.total_seconds() for one in (ChaosOptions(kills=60), told)]


def test_the_chart_shows_every_second_and_every_deed() -> None:
    drawn = chart(PASSED.course, trouble_seconds=2.0)
    assert [HEIGHT, HEIGHT / 2] == [bar.height for bar in drawn.bars]
    assert ["kill", "other"] == [mark.kind for mark in drawn.marks]
    assert (100, round(2 / 3 * WIDTH, 1)) == (drawn.most, drawn.trouble)


def test_a_run_in_which_nothing_was_sent_has_a_chart_too() -> None:
    assert [] == list(chart(Course(accepted=[], moments=[]), trouble_seconds=5.0).bars)
