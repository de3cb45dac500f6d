"""The one typed settings object, and the only reader of the environment.

Names are the original architecture's where it has them, also with its `PRIVATE_` and `PUBLIC_`
prefixes; the rest begin with `MESSAGING_`. A secret may come from a file: set `NAME_FILE`.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    ConfigDict,
    ValidationError,
    field_validator,
    model_validator,
)

from messaging.addressing import masked
from messaging.breaking import BreakerSettings
from messaging.completing import CompletingSettings
from messaging.consenting import ConsentSettings
from messaging.domain.destinations import Destinations
from messaging.domain.review import Rulebook
from messaging.errors import Misconfigured
from messaging.expiring import ExpirySettings
from messaging.guarding import GuardSettings
from messaging.keeping import KeepingSettings, ReplicaSettings
from messaging.keying import ErasureSettings
from messaging.limiting import LimitSettings
from messaging.operating import LifeSettings, RunningSettings
from messaging.setting_groups import (
    TWILIO_GIVES_UP,
    DraftSettings,
    PostgresSettings,
    ProtocolSettings,
    RedisSettings,
    RetrySettings,
    TwilioSettings,
    WorkSettings,
)
from messaging.timing import HourSettings


# The last base's fields come first.
class Settings(
    RunningSettings,
    LifeSettings,
    ErasureSettings,
    ConsentSettings,
    CompletingSettings,
    KeepingSettings,
    HourSettings,
    ExpirySettings,
    DraftSettings,
    WorkSettings,
    RetrySettings,
    ProtocolSettings,
    GuardSettings,
    BreakerSettings,
    LimitSettings,
    TwilioSettings,
    RedisSettings,
    ReplicaSettings,
    PostgresSettings,
):
    """Everything that can be set. Times are in seconds unless the name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    @field_validator("public_base_url", "twilio_api_base_url", "twilio_status_callback_url")
    @classmethod
    def _without_slash(cls, url: str | None) -> str | None:
        if url and not urlsplit(url).hostname:
            raise ValueError("has no host name")
        if url and urlsplit(url).port == 0:  # a port that is no number raises ValueError here
            raise ValueError("has port 0, which nobody can reach")
        return url.rstrip("/") if url else url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := "\n".join(self._misfits()):
            raise ValueError(problems)
        return self

    def _misfits(self) -> Iterator[str]:
        if self.twilio_native_scheduling and not self.twilio_messaging_service_sid:
            yield (
                "TWILIO_NATIVE_SCHEDULING needs TWILIO_MESSAGING_SERVICE_SID: without one, "
                "Twilio drops the schedule and sends at once."
            )
        if bool(self.twilio_api_key) != bool(self.twilio_api_secret):
            yield "TWILIO_API_KEY and TWILIO_API_SECRET go together: set both."
        yield from self._misfits_of_times()
        yield from self.misfits_of_life()
        yield from self.misfits_of_keeping()
        yield from self.misfits_of_guards()
        yield from self.misfits_of_breaker()

    def _misfits_of_times(self) -> Iterator[str]:
        longest_send = self.send_deadline + self.connect_timeout + self.read_timeout
        if self.send_lease <= longest_send:
            yield (
                f"MESSAGING_SEND_LEASE must be more than {longest_send:g} s, the longest that a "
                "send can take (MESSAGING_SEND_DEADLINE, _CONNECT_TIMEOUT and _READ_TIMEOUT)."
            )
        latest = longest_send if self.twilio_api_base_url else self.send_deadline + TWILIO_GIVES_UP
        if self.quiescence <= latest:
            yield f"MESSAGING_QUIESCENCE must be more than {latest:g} s: texts would go out twice."
        if self.entry_lease <= self.send_lease:
            yield "MESSAGING_ENTRY_LEASE must be more than MESSAGING_SEND_LEASE."

    def __repr__(self) -> str:
        return masked(super().__repr__())

    __str__ = __repr__

    @property
    def direct_url(self) -> str:
        """The database without a pooler between, for LISTEN and advisory locks."""
        return (self.database_direct_url or self.database_url).get_secret_value()

    @property
    def celery_broker_url(self) -> str:
        """Where Celery's queues are."""
        return (self.broker_url or self.redis_url).get_secret_value()

    @property
    def status_callback_url(self) -> str | None:
        """Where Twilio reports delivery, or None where nothing public is configured."""
        if self.twilio_status_callback_url:
            return self.twilio_status_callback_url
        return f"{self.public_base_url}/api/twilio/status" if self.public_base_url else None

    @property
    def webhook_base_url(self) -> str | None:
        """The public scheme and host that signatures are checked against."""
        if self.public_base_url:
            return self.public_base_url
        url = self.twilio_status_callback_url
        return "/".join(url.split("/")[:3]) if url else None

    @property
    def lease(self) -> timedelta:
        """How long a job may stay in processing."""
        return timedelta(seconds=self.send_lease)

    def rulebook(self, destinations: Destinations) -> Rulebook:
        """The rules that a review asks, with where texts may go."""
        quiet, consent = self.quiet_hours, self.with_consent
        return Rulebook(
            quiet_hours=quiet, destinations=destinations, with_consent=consent, caps=self.caps
        )

    def require_twilio(self) -> None:
        """Raise Misconfigured, naming all that is missing, unless texts could be sent."""
        missing = []
        if not self.twilio_account_sid:
            missing.append("TWILIO_ACCOUNT_SID")
        if not (self.twilio_api_key or self.twilio_auth_token):
            missing.append("TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET)")
        if not (self.twilio_messaging_service_sid or self.twilio_from):
            missing.append("TWILIO_MESSAGING_SERVICE_SID (or TWILIO_FROM)")
        if missing:
            raise Misconfigured("To send texts, set " + ", ".join(missing) + ".")


def names_of(field: str) -> tuple[str, ...]:
    """The environment names of a setting, the preferred one first."""
    alias = Settings.model_fields[field].validation_alias
    if not isinstance(alias, AliasChoices):
        raise TypeError(f"{field} has no names")
    return tuple(str(choice) for choice in alias.choices)


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; empty variables count as unset.

    Raises Misconfigured with every problem at once, a line each.
    """
    given = os.environ if environment is None else environment
    problems: list[str] = []
    values = _values(given, problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(problem) for problem in error.errors()]
    if problems:
        raise Misconfigured("\n".join(problems))
    return settings


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process, read once."""
    return load()


def _values(given: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    names = [name for field in Settings.model_fields for name in names_of(field)]
    values = {name: given[name].strip() for name in names if given.get(name, "").strip()}
    for name in names:
        path = given.get(f"{name}_FILE", "").strip()
        if not path or name in values:
            continue
        try:
            values[name] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            problems.append(f"{name}_FILE: {path} cannot be read ({error.strerror}).")
        except UnicodeDecodeError:
            problems.append(f"{name}_FILE: {path} is not text in UTF-8.")
    return values


def _sentence(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else ""
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{' or '.join(_synonyms(name))} is not set."
    if problem["type"] == "string_pattern_mismatch":
        it_is = _description(name)
        return f"{name}: does not look right. It is {it_is[:1].lower()}{it_is[1:]}"
    return f"{name}: {message}." if name else message


def _description(name: str) -> str:
    fields = Settings.model_fields
    return next(str(fields[field].description) for field in fields if name in names_of(field))


def _synonyms(name: str) -> tuple[str, ...]:
    return next(names for field in Settings.model_fields if name in (names := names_of(field)))
