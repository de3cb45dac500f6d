"""Twilio fails for everybody in mid-run, in each way, with several workers; and works again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from messaging.local.outage.found import Found, Outage
from messaging.local.outage.options import Kind, OutageOptions
from messaging.local.outage.run import run

SECOND = timedelta(seconds=1)
SOON = {
    "MESSAGING_CONNECT_TIMEOUT": "1",
    "MESSAGING_READ_TIMEOUT": "2",
    "MESSAGING_SEND_DEADLINE": "1",
    "MESSAGING_SEND_LEASE": "5",
    "MESSAGING_ENTRY_LEASE": "6",
    "MESSAGING_QUIESCENCE": "5",
    "MESSAGING_BREAKER_FIRST_WAIT": "1",
    "MESSAGING_BREAKER_LONGEST_WAIT": "2",
}
"""What takes a minute in production takes seconds here."""
PROBES = 5
"""More there cannot be while the breaker is open, with one that is under way at the end."""
FINE = Found(
    outages=[
        Outage(kind=Kind.ERRORS, opened=0.7, claims_before=80, claims_open=2, closed=4.0),
    ],
    texts=100,
    lost=0,
    repeated=0,
    retries=0,
    last=70.0,
    fullest=101,
    second=100,
)


def test_each_outage_costs_only_what_was_under_way_and_every_text_is_sent_once(
    tmp_path: Path,
) -> None:
    found = run(
        OutageOptions(
            messages=400,
            second=80,
            workers=3,
            quiet=SECOND / 5,
            outage=2 * SECOND,
            settings=SOON,
            report=tmp_path / "report.json",
        ),
        print,
    )
    assert found.holds, found.sentences()
    assert [*Kind] == [outage.kind for outage in found.outages]
    # While it is open there are probes, each of one text, at least a second apart.
    assert [] == [outage for outage in found.outages if outage.claims_open > PROBES]
    assert "claims_open" in (tmp_path / "report.json").read_text()


def test_a_text_that_is_lost_doubled_or_charged_is_found() -> None:
    assert FINE.holds
    assert not replace(FINE, lost=1).holds
    assert not replace(FINE, repeated=1).holds
    assert not replace(FINE, retries=1).holds
    assert "errors: open after 0.7 s and 80 claims; 2 claims while open" in FINE.sentences()[0]
