"""Rules: sending with every rule asked for every text, and with the default settings, in turn."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import phonenumbers

from messaging.domain.category import Category
from messaging.domain.consent import Consent
from messaging.local.bench import sending, texts
from messaging.local.bench.figures import Figure
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site

_PART = "rules"
_NORTH_AMERICA = 1
"""The calling code of all numbers that are texted here."""
_FAR_EAST, _HOUR = timedelta(hours=6), timedelta(hours=1)
"""An hour of the day that it is now in no place that those numbers may be in."""
_OPT_IN = """
select count(messaging.record_consent(phone, %s, 'import', '{"for": "bench"}', %s))
from unnest(%s::text[]) as given (phone)
"""


def every_rule(now: datetime) -> dict[str, str]:
    """Settings with which each text is asked about by every rule, and none objects."""
    begins = now.astimezone(UTC) + _FAR_EAST
    return {
        "MESSAGING_REQUIRE_CONSENT": Category.TRANSACTIONAL,
        "MESSAGING_QUIET_HOURS_TRANSACTIONAL": f"{begins:%H:%M}-{begins + _HOUR:%H:%M}",
        "MESSAGING_OPT_OUT_LINE_CATEGORIES": Category.TRANSACTIONAL,
        "MESSAGING_COUNTRIES": ",".join(phonenumbers.region_codes_for_country_code(_NORTH_AMERICA)),
    }


def measure(
    plain: Site, ruled: Site, options: BenchOptions, say: Callable[[str], None]
) -> list[Figure]:
    """Rate and processor time of both, and the second's share of the first's.

    Everybody has opted in, and was told how to opt out: `ruled` sends as many texts before.
    """
    places = {"by default": (plain, Ours(plain)), "with every rule": (ruled, Ours(ruled))}
    _opt_in(ruled, options.messages)
    for site, ours in places.values():
        sending.send(site, ours, options.messages)
    samples = sending.in_turn(places, options, _PART, say)
    pairs = zip(*(found.figures(_PART, "message") for found in samples), strict=True)
    return [
        figure
        for one, other in pairs
        for figure in (
            one,
            other.under("every rule"),
            other.share_of(one, "every rule to default"),
        )
    ]


def _opt_in(site: Site, count: int) -> None:
    phones = sorted({texts.recipient(n) for n in range(count)})
    values = [Consent.OPTED_IN, Category.TRANSACTIONAL, phones]
    site.connect("messaging").execute(_OPT_IN, values)
