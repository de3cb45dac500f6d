"""The errors that callers may catch. Each message is a sentence somebody can act on."""


class MessagingError(Exception):
    """The root of every error that this package raises on purpose."""


class Refused(MessagingError):
    """What was handed in cannot become a message; the text says what to change."""


class Misconfigured(MessagingError):
    """A setting is missing or wrong; the text names the setting and says what to do."""


class Unreachable(MessagingError):
    """Our own infrastructure (Postgres, Redis) did not answer; nothing was attempted."""


class DatabaseRefused(MessagingError):
    """Postgres refused a statement. Only its code is told: its own words may quote a row."""


class NotFound(MessagingError):
    """No such job, template or queue."""
