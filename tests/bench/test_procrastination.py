"""procrastinate's side: what it is handed, and what it sends."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from messaging.local.bench import latency, sending
from messaging.local.bench.contender import Contender
from messaging.local.bench.peers import Peers
from messaging.local.bench.site import STAND_IN, Site
from messaging.local.throwaway import new_folder

_TEXTS = 60
_COUNTS = "select (select count(*) from texts), (select count(*) from procrastinate_jobs)"
_JOBS = "select count(*), status::text from procrastinate_jobs group by status"
_UNMARKED = "select count(*) from texts where status <> 'sent' or sid is null or sent_at is null"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A place with servers."""
    with (
        new_folder("procrastination") as folder,
        Site(folder, timedelta(milliseconds=20), stands_for_twilio=STAND_IN) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def side(site: Site) -> Contender:
    """procrastinate, at work, as the only peer that takes part."""
    (started,) = Peers(has_procrastinate=True).started(site, 1)
    return started


def test_every_text_is_sent_once_and_marked_and_its_job_has_ended(
    site: Site, side: Contender
) -> None:
    before, asked = time.time(), site.twilio.requests()
    found = sending.send(site, side, _TEXTS)
    conn = site.connect("procrastinate")
    done = [(_TEXTS, "succeeded")]
    site.wait_until(lambda: conn.execute(_JOBS).fetchall() == done, 10.0, "all jobs have ended")
    assert (0,) == conn.execute(_UNMARKED).fetchone()
    assert _TEXTS == site.twilio.requests() - asked
    marked = {sid for (sid,) in conn.execute("select sid from texts")}
    assert marked == {text.sid for text in site.twilio.ledger()}
    assert before < side.last_sent() <= time.time()
    assert found.rate > 0
    assert found.cpu > 0


def test_jobs_are_committed_with_their_rows(site: Site, side: Contender) -> None:
    looker = site.connect("procrastinate")
    before = looker.execute(_COUNTS).fetchone()
    with side.handing_over(_TEXTS):
        assert before == looker.execute(_COUNTS).fetchone()
    sending.wait_until_sent(site, side, _TEXTS)


def test_single_texts_are_measured_from_their_commits(site: Site, side: Contender) -> None:
    lags = latency.lags(site, side, 3, "A single text by way of procrastinate")
    assert 3 == len(lags)
    assert all(lag > 0 for lag in lags)
