"""What the names in a file mean, and a draft from its values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from messaging.commands.files.given import Given
from messaging.domain.draft import Draft
from messaging.domain.wording import plain
from messaging.errors import Refused

NAMES: Mapping[str, tuple[str, ...]] = {
    "to": ("to", "phone", "recipient_phone"),
    "body": ("body", "message", "message_content"),
    "template": ("template",),
    "variables": ("variables", "template_vars"),
    "scheduled_for": ("scheduled_for", "at"),
    "expires_at": ("expires_at",),
    "priority": ("priority",),
    "user_id": ("user_id",),
    "metadata": ("metadata",),
    "max_retries": ("max_retries",),
    "max_carrier_retries": ("max_carrier_retries",),
    "media_urls": ("media_urls",),
    "in_doubt_policy": ("in_doubt_policy",),
    "idempotency_key": ("idempotency_key",),
    "category": ("category",),
    "local_time": ("local_time",),
    "time_zone": ("time_zone",),
}
"""A draft's fields, and what files may call them."""
METADATA = "metadata."
"""What names begin with whose values become the message's metadata."""

_FIELDS = {name: field for field, names in NAMES.items() for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What counts for records that do not say. `now` is what `+10m` starts from."""

    template: str | None
    key_prefix: str | None
    now: datetime


def field_of(name: str) -> str | None:
    """The field that a name means, `metadata.x` for metadata; None for a template's variable."""
    lower = name.strip().lower()
    if lower.startswith(METADATA) and len(lower) > len(METADATA):
        return METADATA + name.strip()[len(METADATA) :]
    return _FIELDS.get(lower)


def draft(values: Mapping[str, object], number: int, defaults: Defaults) -> Draft:
    """The draft that the values of record `number` make. Raises Refused.

    An empty value counts as none; a name that is no field is a variable of the template.
    """
    given: dict[str, object] = {}
    variables: dict[str, object] = {}
    metadata: dict[str, object] = {}
    for name, value in values.items():
        field = field_of(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if field is None:
            variables[name.strip()] = value
        elif field.startswith(METADATA):
            metadata[field.removeprefix(METADATA)] = value
        else:
            given[field] = value
    return _draft(Given(given, defaults.now), variables, metadata, number, defaults)


def refuse_unknown(names: Iterable[str]) -> None:
    """Raises Refused, naming those that mean nothing without a template, where there are any."""
    unknown = sorted(name for name in names if name and field_of(name) is None)
    if unknown:
        listed = ", ".join(plain(name)[:40] for name in unknown)
        are = "means" if len(unknown) == 1 else "mean"
        raise Refused(
            f"{listed} {are} nothing without a template: give one with --template, or write "
            f"{METADATA}{plain(unknown[0])[:40]} to keep it as metadata."
        )


def _draft(
    given: Given,
    variables: Mapping[str, object],
    metadata: Mapping[str, object],
    number: int,
    defaults: Defaults,
) -> Draft:
    template = given.word("template") or defaults.template
    if template is None:
        refuse_unknown(variables)
    key = f"{defaults.key_prefix}:{number}" if defaults.key_prefix else None
    return Draft(
        to=given.text("to") or "",
        body=given.text("body"),
        template=template,
        variables={**given.object("variables"), **variables},
        scheduled_for=given.time("scheduled_for"),
        expires_at=given.time("expires_at"),
        priority=given.whole("priority") or 0,
        user_id=given.uuid("user_id"),
        metadata={**given.object("metadata"), **metadata},
        max_retries=given.whole("max_retries"),
        max_carrier_retries=given.whole("max_carrier_retries"),
        media_urls=given.addresses("media_urls"),
        in_doubt_policy=given.policy("in_doubt_policy"),
        idempotency_key=given.word("idempotency_key") or key,
        category=given.category("category"),
        local_time=given.local_time("local_time"),
        time_zone=given.word("time_zone"),
    )
