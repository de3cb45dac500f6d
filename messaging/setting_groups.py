"""The settings in groups: each field's names in the environment, its default and its sentence."""

from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, SecretStr

from messaging.addressing import readable, why_no_broker, why_no_postgres, why_no_redis
from messaging.domain.job import InDoubtPolicy

TWILIO_GIVES_UP = 26.0
"""Seconds after which Twilio's own server gives up on a request."""
_PostgresUrl = Annotated[SecretStr, AfterValidator(readable(why_no_postgres))]
_RedisUrl = Annotated[SecretStr, AfterValidator(readable(why_no_redis))]
_BrokerUrl = Annotated[SecretStr, AfterValidator(readable(why_no_broker))]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def named(*names: str) -> AliasChoices:
    """A setting's names in the environment, the preferred one first."""
    return AliasChoices(*names)


class PostgresSettings(BaseModel):
    """Postgres."""

    database_url: _PostgresUrl = Field(
        validation_alias=named("DATABASE_URL", "SUPABASE_DB_URL"),
        description="Where the system of record is: postgresql://user:password@host/database",
    )
    database_direct_url: _PostgresUrl | None = Field(
        None,
        validation_alias=named("DATABASE_DIRECT_URL"),
        description="The same database without a transaction pooler, for LISTEN and locks.",
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        validation_alias=named("MESSAGING_DATABASE_POOL_SIZE"),
        description="Connections that one process may hold.",
    )


class RedisSettings(BaseModel):
    """Redis."""

    redis_url: _RedisUrl = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        validation_alias=named("REDIS_URL"),
        description="The throttle, and the Celery broker unless MESSAGING_BROKER_URL is set.",
    )
    broker_url: _BrokerUrl | None = Field(
        None,
        validation_alias=named("MESSAGING_BROKER_URL"),
        description="A Celery broker other than REDIS_URL, e.g. amqp:// for RabbitMQ.",
    )


class TwilioSettings(BaseModel):
    """Twilio."""

    twilio_account_sid: str | None = Field(
        None,
        pattern=r"^AC[0-9a-fA-F]{32}$",
        validation_alias=named("TWILIO_ACCOUNT_SID", "PRIVATE_TWILIO_ACCOUNT_SID"),
        description="The account: AC and 32 hexadecimal digits.",
    )
    twilio_auth_token: SecretStr | None = Field(
        None,
        validation_alias=named("TWILIO_AUTH_TOKEN", "PRIVATE_TWILIO_AUTH_TOKEN"),
        description="Signs webhooks; also authenticates requests where no API key is set.",
    )
    twilio_auth_token_secondary: SecretStr | None = Field(
        None,
        validation_alias=named("TWILIO_AUTH_TOKEN_SECONDARY"),
        description="A second token that webhooks may be signed with, during a rotation.",
    )
    twilio_api_key: str | None = Field(
        None,
        validation_alias=named("TWILIO_API_KEY", "PRIVATE_TWILIO_API_KEY"),
        description="An API key SID (SK…), preferred for requests.",
    )
    twilio_api_secret: SecretStr | None = Field(
        None,
        validation_alias=named("TWILIO_API_SECRET", "PRIVATE_TWILIO_API_SECRET"),
        description="The secret of TWILIO_API_KEY.",
    )
    twilio_messaging_service_sid: str | None = Field(
        None,
        pattern=r"^MG[0-9a-fA-F]{32}$",
        validation_alias=named(
            "TWILIO_MESSAGING_SERVICE_SID", "PRIVATE_TWILIO_MESSAGING_SERVICE_SID"
        ),
        description="The Messaging Service that sends: MG and 32 hexadecimal digits.",
    )
    twilio_from: str | None = Field(
        None,
        validation_alias=named("TWILIO_FROM", "PRIVATE_TWILIO_FROM"),
        description="The number or sender name that sends where no Messaging Service is set.",
    )
    twilio_status_callback_url: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=named("TWILIO_STATUS_CALLBACK_URL", "PRIVATE_TWILIO_STATUS_CALLBACK_URL"),
        description="The http(s) URL for receipts; default PUBLIC_BASE_URL/api/twilio/status.",
    )
    twilio_api_base_url: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=named("TWILIO_API_BASE_URL"),
        description="Another http(s) address for Twilio's API: the simulator, or a proxy.",
    )
    twilio_native_scheduling: bool = Field(
        False,
        validation_alias=named("TWILIO_NATIVE_SCHEDULING"),
        description="Hand texts for later over to Twilio's own scheduling where they fit it.",
    )
    public_base_url: str | None = Field(
        None,
        pattern=r"^https?://",
        validation_alias=named("PUBLIC_BASE_URL"),
        description="The http(s) address under which Twilio reaches our webhooks.",
    )

    @property
    def senders(self) -> frozenset[str]:
        """The Messaging Service and the number that send, as far as they are set."""
        known = (self.twilio_messaging_service_sid, self.twilio_from)
        return frozenset(sender for sender in known if sender)


class ProtocolSettings(BaseModel):
    """The protocol's times."""

    connect_timeout: Seconds = Field(
        3.0,
        validation_alias=named("MESSAGING_CONNECT_TIMEOUT"),
        description="To connect to Twilio, name lookup and TLS included.",
    )
    read_timeout: Seconds = Field(
        10.0,
        validation_alias=named("MESSAGING_READ_TIMEOUT"),
        description="To wait for Twilio's answer once the request is written.",
    )
    send_deadline: Seconds = Field(
        5.0,
        validation_alias=named("MESSAGING_SEND_DEADLINE"),
        description="After its claim, a request that is not yet being written is not written.",
    )
    send_lease: Seconds = Field(
        45.0,
        validation_alias=named("MESSAGING_SEND_LEASE"),
        description="A job longer in processing than this is in doubt: its worker has died.",
    )
    entry_lease: Seconds = Field(
        50.0,
        validation_alias=named("MESSAGING_ENTRY_LEASE"),
        description="A queue entry that is not settled by then is handed out again.",
    )
    quiescence: Seconds = Field(
        60.0,
        validation_alias=named("MESSAGING_QUIESCENCE"),
        description="How long after a send Twilio's list must still not show it to prove it lost.",
    )
    in_doubt_policy: InDoubtPolicy = Field(
        InDoubtPolicy.RECONCILE,
        validation_alias=named("MESSAGING_IN_DOUBT_POLICY"),
        description="For jobs without a policy of their own: reconcile, hold, resend or fail.",
    )


class RetrySettings(BaseModel):
    """Retries."""

    retry_base: Seconds = Field(
        120.0,
        validation_alias=named("MESSAGING_RETRY_BASE"),
        description="Before the first retry; doubles with each one: 2, 4, 8 minutes.",
    )
    retry_jitter: float = Field(
        0.1,
        ge=0,
        le=1,
        validation_alias=named("MESSAGING_RETRY_JITTER"),
        description="The share by which a retry's delay may be longer or shorter.",
    )
    retry_longest: Seconds = Field(
        3600.0,
        validation_alias=named("MESSAGING_RETRY_LONGEST"),
        description="No retry waits longer than this.",
    )


class WorkSettings(BaseModel):
    """The bridge and the workers."""

    bridge_window: int = Field(
        10,
        ge=1,
        validation_alias=named("MESSAGING_BRIDGE_WINDOW"),
        description="Celery tasks that may wait in a lane's queue; the backlog stays in Postgres.",
    )
    chunk: int = Field(
        400,
        ge=1,
        le=500,
        validation_alias=named("MESSAGING_CHUNK"),
        description="The most jobs in one Celery task, or half of MESSAGING_IN_FLIGHT if that is "
        "less. Few when the queue is short.",
    )
    in_flight: int = Field(
        1000,
        ge=1,
        validation_alias=named("MESSAGING_IN_FLIGHT"),
        description="Requests to Twilio that one worker process keeps open at once, at most.",
    )


class DraftSettings(BaseModel):
    """What callers hand in."""

    default_region: str | None = Field(
        None,
        pattern=r"^[A-Z]{2}$",
        validation_alias=named("MESSAGING_DEFAULT_REGION"),
        description="The country of numbers written without +, as ISO 3166: US, GB, DE.",
    )
    max_retries: int = Field(
        3,
        ge=0,
        le=20,
        validation_alias=named("MESSAGING_MAX_RETRIES"),
        description="Retries after the first attempt, for jobs that do not say.",
    )
    idempotency_ttl: int = Field(
        2_592_000,
        ge=1,
        le=315_360_000,
        validation_alias=named("MESSAGING_IDEMPOTENCY_TTL"),
        description="How long an idempotency key names its message; 30 days.",
    )
    dedupe_window: float = Field(
        0.0,
        ge=0,
        le=31_536_000,
        validation_alias=named("MESSAGING_DEDUPE_WINDOW"),
        description="Within this, the same text for the same user to the same number is a "
        "duplicate, where it has no idempotency key; 0: none is.",
    )
