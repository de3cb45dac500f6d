"""The measurement of rules asks every rule, and none of them objects, at whatever hour it runs."""

from datetime import UTC, datetime

import pytest

from messaging.domain.category import Category
from messaging.domain.job import Phone
from messaging.domain.quiet_hours import Recipient
from messaging.local.bench import texts
from messaging.local.bench.rules import every_rule
from messaging.settings import load
from tests.unit.test_settings import DATABASE


@pytest.mark.parametrize("hour", range(24))
def test_every_rule_is_asked_and_no_hour_is_quiet(hour: int) -> None:
    now = datetime(2026, 11, 30, hour, 30, tzinfo=UTC)
    settings = load({"DATABASE_URL": DATABASE, **every_rule(now)})
    assert Category.TRANSACTIONAL in settings.with_consent
    assert Category.TRANSACTIONAL in (settings.lines.lined or ())
    assert {"US", "CA", "BS"} <= settings.allowed_countries
    quiet = settings.quiet_hours
    assert quiet.concern(Category.TRANSACTIONAL, urgent=False)
    for number in range(0, 80_000, 100):
        recipient = Recipient(
            phone=Phone(texts.recipient(number)), category=Category.TRANSACTIONAL, time_zone=None
        )
        assert quiet.wait(recipient, now) is None
