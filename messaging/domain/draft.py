"""Drafts: what a caller hands in, and what of it becomes a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from messaging.domain import fields
from messaging.domain.category import Category
from messaging.domain.clocks import wall_clock
from messaging.domain.content import Rendered, content_of
from messaging.domain.destinations import ANYWHERE, Destinations
from messaging.domain.job import MAX_BODY, InDoubtPolicy, JobId, Phone
from messaging.domain.phone import normalise
from messaging.domain.segments import Encoding, count
from messaging.errors import Refused

PRIORITIES = range(-100, 101)
RETRIES = range(21)
LIFETIMES = (timedelta(seconds=1), timedelta(days=3650))
"""How long an idempotency key may name its message, shortest and longest."""
CARRIER_RETRIES = range(4)
WINDOWS = (timedelta(0), timedelta(days=365))
"""How far two texts that are alike may be kept apart."""

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One text as a caller hands it in: a body, or a template and its variables.

    `template` is a name or an id; of one with several languages, the variable `language` chooses.
    `scheduled_for` needs a time zone; without it, or when it is past, the text goes out at once.
    `local_time` is a time without a zone, on the clocks of `time_zone` or, without that, of the
    number, and stands in place of `scheduled_for`. `category` decides about quiet hours; without
    one it is the template's.

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
    """A row of `message_templates`, as far as a draft needs it. `domain.content` reads what its
    version says, and `domain.opt_out_line` the line: both are JSON texts."""

    id: UUID
    name: str
    version: int
    content: str
    opt_out_line: str | None = None


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
    template_version: int | None
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
    own_category: Category | None = None  # `category` is that of the template where it has none
    category: Category = Category.TRANSACTIONAL
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
    phone = _recipient(draft, default_region, destinations)
    content = _content(draft, template)
    size = count(content.text)
    clock = wall_clock(phone, draft.time_zone, draft.local_time)
    scheduled_for = _scheduled_for(draft, clock.instant)
    return Prepared(
        id=_job_id(draft.id),
        user_id=fields.uuid(draft.user_id, "user_id"),
        recipient_phone=phone,
        message_content=content.text,
        template_id=template.id if template else None,
        template_version=template.version if template else None,
        template_vars=draft.variables,
        scheduled_for=scheduled_for,
        priority=fields.whole(draft.priority, PRIORITIES, "priority"),
        max_retries=_optional(draft.max_retries, RETRIES, "max_retries"),
        metadata=fields.json_object(draft.metadata, "metadata"),
        media_urls=content.media_urls,
        in_doubt_policy=_one_of(draft.in_doubt_policy, InDoubtPolicy, "in_doubt_policy"),
        idempotency_key=fields.key(draft.idempotency_key),
        idempotency_ttl=_lifetime(draft),
        dedupe_window=fields.span(draft.dedupe_window, WINDOWS, "dedupe_window"),
        expires_at=_deadline(draft.expires_at, scheduled_for),
        max_carrier_retries=_optional(
            draft.max_carrier_retries, CARRIER_RETRIES, "max_carrier_retries"
        ),
        encoding=size.encoding,
        segments=1 if content.media_urls else size.parts,
        own_category=draft.category,
        category=_category(draft, template),
        time_zone=clock.time_zone,
        local_time=draft.local_time,
    )


def priority_for(due_in: timedelta) -> int:
    """The priority of a reminder by the time left: 10 below an hour, 5 below a day, else 1, as in
    the original architecture's calculatePriority."""
    if due_in < timedelta(hours=1):
        return 10
    return 5 if due_in < timedelta(hours=24) else 1


def _recipient(draft: Draft, default_region: str | None, destinations: Destinations) -> Phone:
    phone = normalise(fields.text(draft.to, "to"), default_region)
    if why_not := destinations.why_not(phone):
        raise Refused(why_not)
    return phone


def _content(draft: Draft, template: TemplateSource | None) -> Rendered:
    media_urls = fields.media_urls(draft.media_urls)
    if draft.body is not None and draft.template is not None:
        raise Refused("Both body and template are given: give one of them.")
    if draft.template is not None:
        return _rendered(draft, template, media_urls)
    if fields.json_object(draft.variables, "variables"):
        raise Refused("There are variables but no template: name a template, or leave them out.")
    body = fields.text(draft.body or "", "body")
    if not body.strip() and not media_urls:
        raise Refused("The text is empty: give a body, a template or media_urls.")
    if len(body) > MAX_BODY:
        shorter = f"shorten it to {MAX_BODY:,} or fewer, or split it."
        raise Refused(f"The body has {len(body):,} characters: {shorter}")
    return Rendered(text=body, media_urls=media_urls)


def _rendered(draft: Draft, template: TemplateSource | None, media: tuple[str, ...]) -> Rendered:
    if template is None:
        raise Refused(f"There is no template {str(draft.template)[:80]!r}: check its name or id.")
    try:
        given = fields.json_object(draft.variables, "variables")
        rendered = content_of(template.content).render(given)
    except Refused as refusal:
        raise Refused(f"Template {template.name!r}: {refusal}") from None
    if media:
        return Rendered(text=rendered.text, media_urls=media)
    if not rendered.text.strip() and not rendered.media_urls:
        raise Refused(f"Template {template.name!r} makes an empty text with these variables.")
    return rendered


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


def _one_of(chosen: Choice | None, choices: type[Choice], name: str) -> Choice | None:
    try:
        return choices(chosen) if chosen else None
    except ValueError:
        raise Refused(f"{name} must be one of {', '.join(choices)}.") from None


def _scheduled_for(draft: Draft, by_clock: datetime | None) -> datetime | None:
    if by_clock and draft.scheduled_for is not None:
        raise Refused("Both scheduled_for and local_time are given: give one of them.")
    return by_clock or fields.with_zone(draft.scheduled_for, "scheduled_for")


def _category(draft: Draft, template: TemplateSource | None) -> Category:
    if own := _one_of(draft.category, Category, "category"):
        return own
    return content_of(template.content).category if template else Category.TRANSACTIONAL


def _job_id(value: UUID | None) -> JobId | None:
    given = fields.uuid(value, "id")
    return JobId(given) if given else None
