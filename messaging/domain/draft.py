"""Drafts: what a caller hands in, and what of it becomes a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from messaging.domain import fields
from messaging.domain.clocks import wall_clock
from messaging.domain.destinations import ANYWHERE, Destinations
from messaging.domain.job import MAX_BODY, Category, InDoubtPolicy, JobId, Phone
from messaging.domain.phone import normalise
from messaging.domain.segments import Encoding, count
from messaging.domain.templates import render
from messaging.errors import Refused

PRIORITIES = range(-100, 101)
RETRIES = range(21)
LIFETIMES = (timedelta(seconds=1), timedelta(days=3650))
"""How long an idempotency key may name its message, shortest and longest."""
CARRIER_RETRIES = range(4)
WINDOWS = (timedelta(0), timedelta(days=365))
"""How far two texts that are alike may be kept apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One text as a caller hands it in: a body, or a template and its variables.

    `template` is a name or an id. `scheduled_for` needs a time zone; without it, or when it is
    past, the text goes out at once. `local_time` is a time without a zone, on the clocks of
    `time_zone` or, without that, of the number, and stands in place of `scheduled_for`. `category`
    decides about quiet hours; without one it is the template's.

    Of two drafts with one `idempotency_key` the first counts, for the time of `idempotency_ttl`; of
    two that say the same to the same number for the same user, that of which the other comes within
    its `dedupe_window`. None is the settings' default; no window (0) lets it go out in any case.

    What cannot be sent before `expires_at`, which needs a time zone too, is not sent any more.
    `max_carrier_retries` is how often a text that a carrier could not deliver is sent again.
    """

    to: str
    body: str | None = None
    template: str | UUID | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    scheduled_for: datetime | None = None
    priority: int = 0
    user_id: UUID | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    max_retries: int | None = None
    media_urls: Sequence[str] = ()
    in_doubt_policy: InDoubtPolicy | None = None
    idempotency_key: str | None = None
    idempotency_ttl: timedelta | None = None
    dedupe_window: timedelta | None = None
    expires_at: datetime | None = None
    max_carrier_retries: int | None = None
    id: UUID | None = None
    category: Category | None = None
    time_zone: str | None = None
    local_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSource:
    """A row of `message_templates`, as far as a draft needs it.

    `template_vars` are the values of variables that the draft does not give.
    """

    id: UUID
    name: str
    content_template: str
    template_vars: Mapping[str, object] | None = None
    category: Category | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A draft that can be stored: checked, its number in E.164 and its template rendered.

    None means that the database's or the settings' default applies.
    """

    id: JobId | None
    user_id: UUID | None
    recipient_phone: Phone
    message_content: str
    template_id: UUID | None
    template_vars: Mapping[str, object]
    scheduled_for: datetime | None
    priority: int
    max_retries: int | None
    metadata: Mapping[str, object]
    media_urls: tuple[str, ...]
    in_doubt_policy: InDoubtPolicy | None
    idempotency_key: str | None
    idempotency_ttl: timedelta | None
    dedupe_window: timedelta | None
    expires_at: datetime | None
    max_carrier_retries: int | None
    encoding: Encoding
    segments: int
    """What Twilio is expected to charge: the parts of a text, or one message with media."""
    category: Category | None = None
    time_zone: str | None = None
    local_time: datetime | None = None
    """The time on the clocks of the zone that `scheduled_for` was made of."""


def prepare(
    draft: Draft,
    template: TemplateSource | None,
    default_region: str | None,
    destinations: Destinations = ANYWHERE,
) -> Prepared:
    """The job that a draft becomes; `template` is the one that it names, None if there is none.

    Raises Refused with the first thing that is wrong, in a sentence that says what to do.
    """
    phone = normalise(fields.text(draft.to, "to"), default_region)
    if why_not := destinations.why_not(phone):
        raise Refused(why_not)
    media_urls = fields.media_urls(draft.media_urls)
    content = _content(draft, template)
    size = count(content)
    clock = wall_clock(phone, draft.time_zone, draft.local_time)
    if clock.instant and draft.scheduled_for is not None:
        raise Refused("Both scheduled_for and local_time are given: give one of them.")
    scheduled_for = clock.instant or fields.with_zone(draft.scheduled_for, "scheduled_for")
    return Prepared(
        id=_job_id(draft.id),
        user_id=fields.uuid(draft.user_id, "user_id"),
        recipient_phone=phone,
        message_content=content,
        template_id=template.id if template else None,
        template_vars=fields.json_object(draft.variables, "variables"),
        scheduled_for=scheduled_for,
        priority=fields.whole(draft.priority, PRIORITIES, "priority"),
        max_retries=_optional(draft.max_retries, RETRIES, "max_retries"),
        metadata=fields.json_object(draft.metadata, "metadata"),
        media_urls=media_urls,
        in_doubt_policy=_policy(draft.in_doubt_policy),
        idempotency_key=fields.key(draft.idempotency_key),
        idempotency_ttl=_lifetime(draft),
        dedupe_window=fields.span(draft.dedupe_window, WINDOWS, "dedupe_window"),
        expires_at=_deadline(draft.expires_at, scheduled_for),
        max_carrier_retries=_optional(
            draft.max_carrier_retries, CARRIER_RETRIES, "max_carrier_retries"
        ),
        encoding=size.encoding,
        segments=1 if media_urls else size.parts,
        category=_category(draft.category) or (template.category if template else None),
        time_zone=clock.time_zone,
        local_time=draft.local_time,
    )


def priority_for(due_in: timedelta) -> int:
    """The priority of a reminder by the time left: 10 below an hour, 5 below a day, else 1.

    The original architecture's calculatePriority; what is overdue counts as below an hour.
    """
    if due_in < timedelta(hours=1):
        return 10
    return 5 if due_in < timedelta(hours=24) else 1


def _content(draft: Draft, template: TemplateSource | None) -> str:
    if draft.body is not None and draft.template is not None:
        raise Refused("Both body and template are given: give one of them.")
    if draft.template is not None:
        return _rendered(draft, template)
    if draft.variables:
        raise Refused("There are variables but no template: name a template, or leave them out.")
    body = fields.text(draft.body or "", "body")
    if not body.strip() and not draft.media_urls:
        raise Refused("The text is empty: give a body, a template or media_urls.")
    if len(body) > MAX_BODY:
        raise Refused(
            f"The body has {len(body):,} characters: shorten it to {MAX_BODY:,} or fewer, "
            "or split it."
        )
    return body


def _rendered(draft: Draft, template: TemplateSource | None) -> str:
    if template is None:
        raise Refused(f"There is no template {str(draft.template)[:80]!r}: check its name or id.")
    try:
        given = fields.json_object(draft.variables, "variables")
        defaults = fields.json_object(template.template_vars or {}, "template_vars")
        text = fields.text(render(template.content_template, {**defaults, **given}), "text")
    except Refused as refusal:
        raise Refused(f"Template {template.name!r}: {refusal}") from None
    if not text.strip() and not draft.media_urls:
        raise Refused(f"Template {template.name!r} makes an empty text with these variables.")
    return text


def _lifetime(draft: Draft) -> timedelta | None:
    lifetime = fields.span(draft.idempotency_ttl, LIFETIMES, "idempotency_ttl")
    if lifetime is not None and draft.idempotency_key is None:
        raise Refused("There is an idempotency_ttl but no idempotency_key: give both, or neither.")
    return lifetime


def _deadline(given: datetime | None, scheduled_for: datetime | None) -> datetime | None:
    deadline = fields.with_zone(given, "expires_at")
    if deadline and scheduled_for and deadline <= scheduled_for:
        raise Refused("expires_at must be after scheduled_for: it could never be sent.")
    return deadline


def _optional(value: int | None, allowed: range, name: str) -> int | None:
    return None if value is None else fields.whole(value, allowed, name)


def _policy(chosen: InDoubtPolicy | None) -> InDoubtPolicy | None:
    try:
        return InDoubtPolicy(chosen) if chosen else None
    except ValueError:
        raise Refused(f"in_doubt_policy must be one of {', '.join(InDoubtPolicy)}.") from None


def _category(chosen: Category | None) -> Category | None:
    try:
        return Category(chosen) if chosen else None
    except ValueError:
        raise Refused(f"category must be one of {', '.join(Category)}.") from None


def _job_id(value: UUID | None) -> JobId | None:
    given = fields.uuid(value, "id")
    return JobId(given) if given else None
