"""Four messages whose lives `messaging up --demo` shows: at once, templated, later, failing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich import box
from rich.table import Table
from rich.text import Text

from messaging.domain.job import JobId
from messaging.local.watch import Watch, has_ended
from messaging.postgres.messages import Message

_AHEAD = timedelta(seconds=4)
"""How far ahead the scheduled one is."""
_TEMPLATE = "messaging_demo"
_TEMPLATE_TEXT = "Hello {{ name }}, this text was made from a template."
_COLOURS = {
    "scheduled": "cyan",
    "sent": "green",
    "delivered": "bold green",
    "failed": "bold red",
    "undelivered": "bold red",
}
_COLUMNS = ("message", "status", "delivery", "sent", "delivered", "SID, or why not")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One of the messages: what it shows, what is handed over, and how it is to end."""

    name: str
    draft: Mapping[str, object]
    ends_as: str
    """Its `delivery_status`, or its `status` where it never gets to have one."""


def scenes(now: datetime) -> tuple[Scene, ...]:
    """The four, at `now`. The numbers are for fiction, but for Twilio's magic one: error 21211."""
    later = (now + _AHEAD).isoformat()
    return (
        _scene("immediate", "+12025550112", message_content="Hello from messaging."),
        _scene("templated", "+12025550134", template=_TEMPLATE, template_vars={"name": "Ada"}),
        _scene(
            "scheduled", "+12025550156", message_content="You wanted it later.", scheduled_for=later
        ),
        _scene("failing", "+15005550001", "failed", message_content="To a number that is none."),
    )


class Demo:
    """The four messages while they live."""

    def __init__(self, watch: Watch) -> None:
        """Hand them over. Raises Unreachable where the database doesn't take them."""
        watch.keep_template(_TEMPLATE, _TEMPLATE_TEXT)
        self._watch = watch
        self._scenes = scenes(datetime.now(UTC))
        self._ids: Sequence[JobId] = watch.hand_over([scene.draft for scene in self._scenes])
        self._messages: Sequence[Message] = ()

    def look(self) -> bool:
        """Look how they stand; whether something has changed since the last look."""
        found = self._watch.look(self._ids)
        changed = bool(found) and found != self._messages
        self._messages = found or self._messages
        return changed

    @property
    def has_ended(self) -> bool:
        """Whether all four lives are over."""
        return bool(self._messages) and all(map(has_ended, self._messages))

    @property
    def went_well(self) -> bool:
        """Whether each ended as it was to."""
        ends = [message.delivery_status or message.status for message in self._messages]
        return ends == [scene.ends_as for scene in self._scenes]

    def picture(self) -> Table:
        """How they stand, as a table."""
        table = Table(box=box.SIMPLE, header_style="dim", padding=(0, 1))
        for column in _COLUMNS:
            table.add_column(column, no_wrap=column != _COLUMNS[-1])
        for scene, message in zip(self._scenes, self._messages, strict=False):
            table.add_row(*_row(scene.name, message))
        return table

    def sentences(self) -> list[str]:
        """How they stand, a line each."""
        rows = zip(self._scenes, self._messages, strict=False)
        return [
            "  ".join(cell.plain for cell in _row(scene.name, message) if cell.plain)
            for scene, message in rows
        ]


def _scene(name: str, to: str, ends_as: str = "delivered", **content: object) -> Scene:
    return Scene(name=name, draft={"recipient_phone": to, **content}, ends_as=ends_as)


def _row(name: str, message: Message) -> tuple[Text, ...]:
    delivery = message.delivery_status or ""
    return (
        Text(name, "bold"),
        Text(message.status, _COLOURS.get(message.status, "yellow")),
        Text(delivery, _COLOURS.get(delivery, "yellow")),
        Text(_after(message, message.sent_at)),
        Text(_after(message, message.delivered_at)),
        Text(message.twilio_sid or _why(message), "dim" if message.twilio_sid else ""),
    )


def _after(message: Message, then: datetime | None) -> str:
    return f"{(then - message.created_at).total_seconds():.1f} s" if then else ""


def _why(message: Message) -> str:
    details = message.error_details or {}
    code = f"{message.error_code} " if message.error_code else ""
    return code + str(details.get("message") or details.get("reason") or "")
