"""A whole run of the throttle's measurement, as small as it can be, and what it says of a run."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

from messaging.local.pacing import chart
from messaging.local.pacing.found import Found
from messaging.local.pacing.options import PacingOptions
from messaging.local.pacing.run import run
from messaging.local.pacing.windows import Arrival

EVEN = Found(
    arrivals=[Arrival(at=1000 + n / 50) for n in range(2000)],
    limits={1: 50, 60: 3000},
    repeated=0,
    missed=0,
    doubted=3,
    quiet_until=1020.0,
    kills=[1021.0, 1026.0],
    wipes=[1023.0],
    lags=[10.0, 20.0, 700.0],
)


def test_a_run_with_a_kill_and_a_wipe_keeps_its_limits(tmp_path: Path) -> None:
    """The minute's limit sets the pace, so that a busy machine does not matter to the second's."""
    second = timedelta(seconds=1)
    found = run(
        PacingOptions(
            messages=150,
            second=100,
            minute=3000,
            workers=2,
            quiet=second / 2,
            trouble=second,
            every=second,
            wipes=1,
            urgent=12,
            chart=tmp_path / "chart.svg",
            report=tmp_path / "report.json",
        ),
        print,
    )
    assert found.holds, found.sentences()
    assert (1, 1, 12) == (len(found.kills), len(found.wipes), len(found.lags))
    assert "urgent_ms" in (tmp_path / "report.json").read_text()
    ElementTree.parse(tmp_path / "chart.svg")


def test_a_window_that_is_too_full_is_found_and_so_is_a_text_that_came_twice() -> None:
    assert EVEN.holds
    assert not replace(EVEN, repeated=1).holds
    burst = [Arrival(at=1030.001)] * 3
    assert not replace(EVEN, arrivals=sorted([*EVEN.arrivals, *burst], key=lambda a: a.at)).holds


def test_the_average_is_of_the_time_before_there_was_trouble() -> None:
    late = [arrival for arrival in EVEN.arrivals if arrival.at < 1020 or arrival.at > 1030]
    assert "average without trouble: 100.0 % of the limit" in EVEN.sentences()
    assert EVEN.share() == replace(EVEN, arrivals=late).share()
    assert None is replace(EVEN, quiet_until=1006.0).share()


def test_the_chart_shows_both_windows_and_all_that_was_done() -> None:
    drawn = chart.chart(EVEN)
    assert ["In the last second", "In the last minute"] == [panel.title for panel in drawn.panels]
    assert (2, 1) == (len(drawn.kills), len(drawn.wipes))
    assert drawn.kills[0] < drawn.wipes[0] < drawn.kills[1] < chart.WIDTH
    assert 2 == chart.svg(EVEN).count("<polyline")
