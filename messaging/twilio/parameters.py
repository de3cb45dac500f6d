"""The form of a create request (Twilio's Messages resource) for a text of ours."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from messaging.domain.answers import Outgoing
from messaging.domain.job import JobId
from messaging.settings import Settings

Form = dict[str, str | list[str]]
"""What the official package encodes: repeated parameters are lists."""

CALLBACK_RETRIES = "rc=3&rp=all"
"""Twilio tries a webhook once more, and on connect failure only; this asks for three more tries
after any failure. It travels as the URL's fragment and is not part of what is signed
(Twilio, "Webhooks connection overrides")."""


LONGEST_VALIDITY = 36_000
"""Seconds: the most that Twilio takes as ValidityPeriod, and what it assumes without one."""


class NeedsMessagingService(ValueError):
    """A text for later without a Messaging Service: Twilio would send it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends, and where Twilio reports to."""

    messaging_service_sid: str | None
    number: str | None
    status_callback_url: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Sender":
        """The sender that the settings name; a Messaging Service goes before a number."""
        return cls(
            messaging_service_sid=settings.twilio_messaging_service_sid,
            number=settings.twilio_from,
            status_callback_url=settings.status_callback_url,
        )

    def form(self, text: Outgoing) -> Form:
        """The parameters of the create request. Raises NeedsMessagingService."""
        form: Form = {"To": text.to}
        if text.body or not text.media_urls:
            form["Body"] = text.body
            # Twilio must list the text as it was sent: a text in doubt is found by its body.
            form["SmartEncoded"] = "false"
        if self.messaging_service_sid:
            form["MessagingServiceSid"] = self.messaging_service_sid
        elif self.number:
            form["From"] = self.number
        if text.media_urls:
            form["MediaUrl"] = list(text.media_urls)
        if self.status_callback_url:
            form["StatusCallback"] = callback_url(
                self.status_callback_url, text.job_id, text.attempt
            )
        if text.send_at is not None:
            form |= self._schedule(text.send_at)
        elif text.good_until is not None:
            form |= validity(text.good_until - time.monotonic())
        return form

    def _schedule(self, send_at: datetime) -> Form:
        if not self.messaging_service_sid:
            raise NeedsMessagingService(
                "A text can be kept at Twilio only with TWILIO_MESSAGING_SERVICE_SID; without it "
                "Twilio would send at once. Nothing was sent."
            )
        # Twilio's times have no fractions: rounded up, so that no text comes before its time.
        whole = send_at.astimezone(UTC) + timedelta(microseconds=-send_at.microsecond % 1_000_000)
        return {"ScheduleType": "fixed", "SendAt": whole.strftime("%Y-%m-%dT%H:%M:%SZ")}


def validity(left: float) -> Form:
    """How long Twilio may keep a text in its queue: the seconds that are left, rounded down.

    What has more time than Twilio gives anything is sent without.
    """
    return {} if left > LONGEST_VALIDITY else {"ValidityPeriod": str(max(1, int(left)))}


def callback_url(url: str, job_id: JobId, attempt: int) -> str:
    """`url` with the job and the attempt in its query, so that a callback settles a lost answer.

    A query of its own is kept, and so is a fragment: whoever sets one has chosen the retries.
    """
    before, after = _around_the_job(url)
    return f"{before}job={job_id}&attempt={attempt}{after}"


@lru_cache(maxsize=8)
def _around_the_job(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    before = parts._replace(query=f"{parts.query}&" if parts.query else "", fragment="").geturl()
    return before if parts.query else f"{before}?", f"#{parts.fragment or CALLBACK_RETRIES}"
