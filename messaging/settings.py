"""The one typed settings object, and the only reader of the environment.

Names are the original architecture's where it has them, also with its `PRIVATE_` and `PUBLIC_`
prefixes; the rest begin with `MESSAGING_`. A secret may come from a file: set `NAME_FILE`.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from messaging.domain.job import InDoubtPolicy
from messaging.errors import Misconfigured

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _named(*names: str) -> AliasChoices:
    return AliasChoices(*names)


class Settings(BaseModel):
    """Everything that can be set. Times are in seconds unless the name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    # Postgres
    database_url: SecretStr = Field(
        validation_alias=_named("DATABASE_URL", "SUPABASE_DB_URL"),
        description="Where the system of record is: postgresql://user:password@host/database",
    )
    database_direct_url: SecretStr | None = Field(
        None,
        validation_alias=_named("DATABASE_DIRECT_URL"),
        description="The same database without a transaction pooler, for LISTEN and locks.",
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        validation_alias=_named("MESSAGING_DATABASE_POOL_SIZE"),
        description="Connections that one process may hold.",
    )

    # Redis
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        validation_alias=_named("REDIS_URL"),
        description="The throttle, and the Celery broker unless MESSAGING_BROKER_URL is set.",
    )
    broker_url: SecretStr | None = Field(
        None,
        validation_alias=_named("MESSAGING_BROKER_URL"),
        description="A Celery broker other than REDIS_URL, e.g. amqp:// for RabbitMQ.",
    )

    # Twilio
    twilio_account_sid: str | None = Field(
        None,
        pattern=r"^AC[0-9a-fA-F]{32}$",
        validation_alias=_named("TWILIO_ACCOUNT_SID", "PRIVATE_TWILIO_ACCOUNT_SID"),
        description="The account: AC and 32 hexadecimal digits.",
    )
    twilio_auth_token: SecretStr | None = Field(
        None,
        validation_alias=_named("TWILIO_AUTH_TOKEN", "PRIVATE_TWILIO_AUTH_TOKEN"),
        description="Signs webhooks; also authenticates requests where no API key is set.",
    )
    twilio_auth_token_secondary: SecretStr | None = Field(
        None,
        validation_alias=_named("TWILIO_AUTH_TOKEN_SECONDARY"),
        description="A second token that webhooks may be signed with, during a rotation.",
    )
    twilio_api_key: str | None = Field(
        None,
        validation_alias=_named("TWILIO_API_KEY", "PRIVATE_TWILIO_API_KEY"),
        description="An API key SID (SK…), preferred for requests.",
    )
    twilio_api_secret: SecretStr | None = Field(
        None,
        validation_alias=_named("TWILIO_API_SECRET", "PRIVATE_TWILIO_API_SECRET"),
        description="The secret of TWILIO_API_KEY.",
    )
    twilio_messaging_service_sid: str | None = Field(
        None,
        pattern=r"^MG[0-9a-fA-F]{32}$",
        validation_alias=_named(
            "TWILIO_MESSAGING_SERVICE_SID", "PRIVATE_TWILIO_MESSAGING_SERVICE_SID"
        ),
        description="The Messaging Service that sends: MG and 32 hexadecimal digits.",
    )
    twilio_from: str | None = Field(
        None,
        validation_alias=_named("TWILIO_FROM", "PRIVATE_TWILIO_FROM"),
        description="The number or sender name that sends where no Messaging Service is set.",
    )
    twilio_status_callback_url: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=_named("TWILIO_STATUS_CALLBACK_URL", "PRIVATE_TWILIO_STATUS_CALLBACK_URL"),
        description="Where Twilio reports delivery; default PUBLIC_BASE_URL/api/twilio/status.",
    )
    twilio_api_base_url: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=_named("TWILIO_API_BASE_URL"),
        description="Another address for Twilio's API: the simulator, or a proxy.",
    )
    twilio_native_scheduling: bool = Field(
        False,
        validation_alias=_named("TWILIO_NATIVE_SCHEDULING"),
        description="Hand texts for later over to Twilio's own scheduling where they fit it.",
    )
    rate_limit_per_second: int | None = Field(
        None,
        ge=1,
        validation_alias=_named(
            "TWILIO_RATE_LIMIT_PER_SECOND", "PRIVATE_TWILIO_RATE_LIMIT_PER_SECOND"
        ),
        description="Sends that may start in a second, over all workers; unset: no limit.",
    )
    rate_limit_per_minute: int | None = Field(
        None,
        ge=1,
        validation_alias=_named(
            "TWILIO_RATE_LIMIT_PER_MINUTE", "PRIVATE_TWILIO_RATE_LIMIT_PER_MINUTE"
        ),
        description="Sends that may start in a minute, over all workers; unset: no limit.",
    )
    public_base_url: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=_named("PUBLIC_BASE_URL"),
        description="The address under which Twilio reaches our webhooks.",
    )

    # The protocol's times
    connect_timeout: Seconds = Field(
        3.0,
        validation_alias=_named("MESSAGING_CONNECT_TIMEOUT"),
        description="To connect to Twilio, name lookup and TLS included.",
    )
    read_timeout: Seconds = Field(
        10.0,
        validation_alias=_named("MESSAGING_READ_TIMEOUT"),
        description="To wait for Twilio's answer once the request is written.",
    )
    send_deadline: Seconds = Field(
        5.0,
        validation_alias=_named("MESSAGING_SEND_DEADLINE"),
        description="After its claim, a request that is not yet being written is not written.",
    )
    send_lease: Seconds = Field(
        45.0,
        validation_alias=_named("MESSAGING_SEND_LEASE"),
        description="A job longer in processing than this is in doubt: its worker has died.",
    )
    entry_lease: Seconds = Field(
        60.0,
        validation_alias=_named("MESSAGING_ENTRY_LEASE"),
        description="A queue entry that is not settled by then is handed out again.",
    )
    quiescence: Seconds = Field(
        60.0,
        validation_alias=_named("MESSAGING_QUIESCENCE"),
        description="How long after a send Twilio's list must still not show it to prove it lost.",
    )
    in_doubt_policy: InDoubtPolicy = Field(
        InDoubtPolicy.RECONCILE,
        validation_alias=_named("MESSAGING_IN_DOUBT_POLICY"),
        description="For jobs without a policy of their own: reconcile, hold, resend or fail.",
    )

    # Retries
    retry_base: Seconds = Field(
        120.0,
        validation_alias=_named("MESSAGING_RETRY_BASE"),
        description="Before the first retry; doubles with each one: 2, 4, 8 minutes.",
    )
    retry_jitter: float = Field(
        0.1,
        ge=0,
        le=1,
        validation_alias=_named("MESSAGING_RETRY_JITTER"),
        description="The share by which a retry's delay may be longer or shorter.",
    )
    retry_longest: Seconds = Field(
        3600.0,
        validation_alias=_named("MESSAGING_RETRY_LONGEST"),
        description="No retry waits longer than this.",
    )

    # The bridge and the workers
    bridge_window: int = Field(
        40,
        ge=1,
        validation_alias=_named("MESSAGING_BRIDGE_WINDOW"),
        description="Celery tasks that may wait in a lane's queue; the backlog stays in Postgres.",
    )
    chunk: int = Field(
        50,
        ge=1,
        le=500,
        validation_alias=_named("MESSAGING_CHUNK"),
        description="The most jobs in one Celery task; few when the queue is short.",
    )
    in_flight: int = Field(
        200,
        ge=1,
        validation_alias=_named("MESSAGING_IN_FLIGHT"),
        description="Requests to Twilio that one worker process keeps open at once.",
    )

    # What callers hand in
    default_region: str | None = Field(
        None,
        pattern=r"^[A-Z]{2}$",
        validation_alias=_named("MESSAGING_DEFAULT_REGION"),
        description="The country of numbers written without +, as ISO 3166: US, GB, DE.",
    )
    max_retries: int = Field(
        3,
        ge=0,
        le=20,
        validation_alias=_named("MESSAGING_MAX_RETRIES"),
        description="Retries after the first attempt, for jobs that do not say.",
    )

    # Running
    host: str = Field(
        "127.0.0.1",
        validation_alias=_named("MESSAGING_HOST"),
        description="The address that the web process listens on.",
    )
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=_named("PORT", "MESSAGING_PORT"),
        description="The port of the web process.",
    )
    log_format: Literal["console", "json"] = Field(
        "console",
        validation_alias=_named("MESSAGING_LOG_FORMAT"),
        description="console for people, json for machines.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        validation_alias=_named("MESSAGING_LOG_LEVEL"),
        description="The least severe line that is printed.",
    )

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis:// or rediss://")
        return url

    @field_validator("public_base_url", "twilio_api_base_url")
    @classmethod
    def _without_slash(cls, url: str | None) -> str | None:
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
        longest_send = self.send_deadline + self.connect_timeout + self.read_timeout
        if self.send_lease <= longest_send:
            yield (
                f"MESSAGING_SEND_LEASE must be more than {longest_send:g} s, the longest that a "
                "send can take (MESSAGING_SEND_DEADLINE, _CONNECT_TIMEOUT and _READ_TIMEOUT)."
            )
        if self.entry_lease <= self.send_lease:
            yield "MESSAGING_ENTRY_LEASE must be more than MESSAGING_SEND_LEASE."

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
        return (
            "/".join(self.twilio_status_callback_url.split("/")[:3])
            if (self.twilio_status_callback_url)
            else None
        )

    @property
    def sends_per_second(self) -> float | None:
        """The stricter of the two rate limits, a second; None where there is none."""
        rates = []
        if self.rate_limit_per_second:
            rates.append(float(self.rate_limit_per_second))
        if self.rate_limit_per_minute:
            rates.append(self.rate_limit_per_minute / 60)
        return min(rates, default=None)

    @property
    def lease(self) -> timedelta:
        """How long a job may stay in processing."""
        return timedelta(seconds=self.send_lease)

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
    return f"{name}: {message}." if name else message


def _synonyms(name: str) -> tuple[str, ...]:
    return next(names for field in Settings.model_fields if name in (names := names_of(field)))
