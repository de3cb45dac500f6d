"""The settings of what callers hand in: a group of their own."""

from pydantic import AliasChoices, BaseModel, Field


class DraftSettings(BaseModel):
    """What callers hand in."""

    default_region: str | None = Field(
        None,
        pattern=r"^[A-Z]{2}$",
        validation_alias=AliasChoices("MESSAGING_DEFAULT_REGION"),
        description="The country of numbers written without +, as ISO 3166: US, GB, DE.",
    )
    max_retries: int = Field(
        3,
        ge=0,
        le=20,
        validation_alias=AliasChoices("MESSAGING_MAX_RETRIES"),
        description="Retries after the first attempt, for jobs that do not say.",
    )
    idempotency_ttl: float = Field(
        2_592_000.0,
        ge=1,
        le=315_360_000,
        validation_alias=AliasChoices("MESSAGING_IDEMPOTENCY_TTL"),
        description="How long an idempotency key names its message; 30 days.",
    )
    dedupe_window: float = Field(
        0.0,
        ge=0,
        le=31_536_000,
        validation_alias=AliasChoices("MESSAGING_DEDUPE_WINDOW"),
        description="Within this, the same text for the same user to the same number is a "
        "duplicate, where it has no idempotency key; 0: none is.",
    )
