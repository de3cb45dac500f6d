"""The page of settings and the example of an environment tell what `settings.py` says."""

import re

from messaging.settings import Settings, load
from tests.house import settings_page
from tests.house.environment import CONTAINERS, groups, is_known
from tests.house.tree import expect_none

AGAIN = "run python -m tests.house.settings_page"


def assigned() -> dict[str, str]:
    """What a process gets that is started with the example as it stands."""
    text = settings_page.EXAMPLE.read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"\w+=", line))


def test_the_page_of_settings_is_up_to_date() -> None:
    written = settings_page.PAGE.read_text(encoding="utf-8")
    assert settings_page.page() == written, AGAIN


def test_the_example_environment_is_up_to_date() -> None:
    written = settings_page.EXAMPLE.read_text(encoding="utf-8")
    assert settings_page.example() == written, AGAIN


def test_every_setting_stands_under_a_heading_and_says_what_it_is() -> None:
    listed = [setting for settings in groups().values() for setting in settings]
    assert len(Settings.model_fields) == len(listed)
    expect_none(
        setting.names[0] for setting in listed if not re.match(r"\S.*\w", setting.description)
    )


def test_every_name_in_the_example_is_read_by_something() -> None:
    text = settings_page.EXAMPLE.read_text(encoding="utf-8")
    names = re.findall(r"^(?:# )?([A-Z_]+)=", text, re.MULTILINE)
    assert len(names) > len(Settings.model_fields)
    expect_none(name for name in names if name not in CONTAINERS and not is_known(name))


def test_the_example_has_the_names_of_the_original() -> None:
    original = {
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_MESSAGING_SERVICE_SID",
        "TWILIO_STATUS_CALLBACK_URL",
        "TWILIO_RATE_LIMIT_PER_SECOND",
        "TWILIO_RATE_LIMIT_PER_MINUTE",
    }
    assert set() == original - assigned().keys()


def test_the_example_is_a_valid_environment_as_it_stands() -> None:
    settings = load(assigned())
    assert settings_page.FILLED["DATABASE_URL"] == settings.database_url.get_secret_value()
    assert settings.twilio_account_sid is None


def test_what_the_example_shows_as_a_default_is_accepted() -> None:
    text = settings_page.EXAMPLE.read_text(encoding="utf-8").replace("# ", "")
    every = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z_]+=", line))
    assert load(assigned()) == load(every)
