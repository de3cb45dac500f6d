"""Texts people reliably through Twilio, from Postgres: once, not zero times and not twice."""

TYPE_CHECKING = False  # type checkers take it for typing's, which would cost a probe 6 ms
if TYPE_CHECKING:
    from messaging.domain.category import Category
    from messaging.domain.draft import Draft
    from messaging.domain.job import InDoubtPolicy, JobId
    from messaging.errors import MessagingError, Misconfigured, NotFound, Refused
    from messaging.outbox import Messaging
    from messaging.postgres.messages import Enqueued, Event, Message

_HOMES = {
    "Category": "messaging.domain.category",
    "Draft": "messaging.domain.draft",
    "Enqueued": "messaging.postgres.messages",
    "Event": "messaging.postgres.messages",
    "InDoubtPolicy": "messaging.domain.job",
    "JobId": "messaging.domain.job",
    "Message": "messaging.postgres.messages",
    "Messaging": "messaging.outbox",
    "MessagingError": "messaging.errors",
    "Misconfigured": "messaging.errors",
    "NotFound": "messaging.errors",
    "Refused": "messaging.errors",
}

__all__ = [
    "Category",
    "Draft",
    "Enqueued",
    "Event",
    "InDoubtPolicy",
    "JobId",
    "Message",
    "Messaging",
    "MessagingError",
    "Misconfigured",
    "NotFound",
    "Refused",
]


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used, so that the parts start quickly."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'messaging' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
