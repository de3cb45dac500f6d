"""Destinations in Postgres: the table, every door, and the countries of numbers."""

import random
from uuid import UUID

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging import Draft, Messaging, Refused, runtime
from messaging.domain.destinations import region_of
from messaging.local.simulator import Simulator
from messaging.settings import Settings, load
from tests.integration.story import insert, kinds, row, work

Database = Connection[TupleRow]
GUADELOUPE = "GP"
"""Its neighbours' numbers differ from its own only in their eighth digit."""
JAMAICAN, CANADIAN = "+18765550100", "+14165550100"


def rule(db: Database, rule: str, what: str) -> None:
    db.execute("insert into messaging.destinations (rule, what) values (%s, %s)", [rule, what])


def enqueued(db: Database, phone: str) -> str | None:
    """Why `messaging.enqueue` refuses a text to this number; None where it does not."""
    item = {"recipient_phone": phone, "message_content": "Hello"}
    answer = db.execute("select reason from messaging.enqueue(%s)", [Jsonb([item])]).fetchone()
    assert answer is not None
    reason: str | None = answer[0]
    return reason


def test_the_table_binds_sql_and_python_alike(db: Database, settings: Settings) -> None:
    rule(db, "allow", "CA")
    rule(db, "block", "+1416")
    assert "JM, where no texts may go" in str(enqueued(db, JAMAICAN))
    assert "blocked" in str(enqueued(db, CANADIAN))
    assert enqueued(db, "+15145550100") is None
    assert enqueued(db, "call 5145550100") is None, "what is not in E.164 is judged when it is"
    with Messaging(settings) as messaging:
        for phone in (JAMAICAN, CANADIAN):
            with pytest.raises(Refused):
                messaging.enqueue(Draft(to=phone, body="Hello"))
        messaging.enqueue(Draft(to="+15145550100", body="Hello"))


def test_a_bare_row_and_one_from_before_the_rule_are_suppressed(
    rt: runtime.Runtime, db: Database, twilio: Simulator
) -> None:
    before = insert(db, recipient_phone=JAMAICAN, prepared_at="now")
    rule(db, "block", "+1876")
    bare = insert(db, recipient_phone="+1 876 555 0100")
    work(rt)
    assert ["suppressed", "suppressed"] == [row(db, id).status for id in (before, bare)]
    assert ["settled"] == kinds(db, before)
    assert [] == twilio.ledger.outbound


def test_the_settings_bind_rows_that_sql_let_in(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_COUNTRIES": "CA"}))
    ids: list[UUID] = [insert(db, recipient_phone=phone) for phone in (JAMAICAN, CANADIAN)]
    work(rt)
    assert ["suppressed", "sent"] == [row(db, id).status for id in ids]
    rt.close()


def test_postgres_and_phonenumbers_agree_on_the_countries_of_numbers(db: Database) -> None:
    dice = random.Random(7)
    examples = [
        found
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
        if (found := phonenumbers.example_number_for_type(region, kind))
    ]
    numbers = [
        phonenumbers.format_number(one, phonenumbers.PhoneNumberFormat.E164) for one in examples
    ]
    area_codes = (
        f"+1{dice.randrange(200, 1000)}{dice.randrange(2000000, 9999999)}" for _ in range(500)
    )
    numbers += [one for one in area_codes if phonenumbers.is_valid_number(phonenumbers.parse(one))]
    rows = db.execute("select n, messaging.region_of(n) from unnest(%s::text[]) as n", [numbers])
    wrong = [(number, region) for number, region in rows if region != region_of(number)]
    assert {GUADELOUPE} >= {region for _, region in wrong}, wrong


@pytest.mark.parametrize(
    ("phone", "segments", "media", "usd"),
    [
        (CANADIAN, 2, "{}", "0.0300"),
        ("+9647701234567", 1, "{}", "0.5000"),
        (CANADIAN, 1, "{https://example.com/a.png}", "0.0350"),
    ],
)
def test_a_text_costs_what_the_table_says_and_an_unknown_country_the_most(
    db: Database, phone: str, segments: int, media: str, usd: str
) -> None:
    insert(db, recipient_phone=phone, segments=segments, media_urls=media, prepared_at="now")
    db.execute(
        "select messaging.within_caps(array(select id from message_jobs), "
        "jsonb_build_object('usd_day', 100))"
    )
    assert [(usd,)] == db.execute("select usd::text from messaging.cap_uses").fetchall()
