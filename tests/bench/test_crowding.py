"""Twilio takes fewer requests at once than there would be; a whole run, as small as it can be."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from messaging.local.crowding.found import CrowdFound
from messaging.local.crowding.options import CrowdOptions
from messaging.local.crowding.run import run
from messaging.local.pacing.windows import Arrival

FINE = CrowdFound(
    arrivals=[Arrival(at=1000 + n / 90) for n in range(2000)],
    allowed=100,
    lost=0,
    repeated=0,
    refused=40,
    retries=0,
    attempts=50,
    missed=10,
    openings=0,
)


def test_what_twilio_refuses_for_the_crowd_is_sent_once_and_charged_to_nobody(
    tmp_path: Path,
) -> None:
    found = run(
        CrowdOptions(
            messages=60,
            second=60,
            workers=2,
            admitted=4,
            thinks=timedelta(milliseconds=200),
            report=tmp_path / "report.json",
        ),
        print,
    )
    assert found.holds, found.sentences()
    assert (0, 60) == (found.openings, len(found.arrivals))
    assert "share_percent" in (tmp_path / "report.json").read_text()


def test_a_text_that_is_lost_doubled_or_charged_is_found() -> None:
    assert FINE.holds
    assert not replace(FINE, lost=1).holds
    assert not replace(FINE, repeated=1).holds
    assert not replace(FINE, retries=1).holds
    assert 90 == pytest.approx(FINE.share, abs=1)
    assert "taken: 90" in FINE.sentences()[0]
