"""What happens, as named events: `job_failed job_id=… reason=…`. No number, no body in any."""

import logging
import sys
from collections import Counter
from typing import Literal
from uuid import UUID

import structlog

from messaging.addressing import masking
from messaging.repetition import Once
from messaging.settings import Settings

Part = Literal["postgres", "replica", "redis", "broker"]
"""What of our own infrastructure may be away."""

_log = structlog.get_logger("messaging")
_LEVELS = logging.getLevelNamesMapping()


def configure(settings: Settings) -> None:
    """Prints events, and the lines of libraries, as the settings ask: for people or as JSON."""
    for_people = settings.log_format == "console"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=20, pad_level=False)
        if for_people
        else structlog.processors.JSONRenderer()
    )
    renderer = masking(renderer)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(shared, renderer)


def _configure_libraries(
    shared: list[structlog.typing.Processor], renderer: structlog.typing.Processor
) -> None:
    """Libraries print from WARNING on: below that, some of them print numbers and arguments."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Once())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def chunk_delivered(*, lane: str, outcomes: Counter[str], put_off: int) -> None:
    """A Celery task has sent its jobs, or put them off."""
    _log.info("chunk_delivered", lane=lane, **outcomes, **({"put_off": put_off} if put_off else {}))


def job_failed(*, job_id: UUID, attempt: int, reason: str, code: int | None) -> None:
    """A job has failed for good."""
    _log.warning("job_failed", job_id=str(job_id), attempt=attempt, code=code, reason=reason)


def job_doubted(*, job_id: UUID, attempt: int, reason: str) -> None:
    """Twilio's answer was not seen; the job will be looked up."""
    _log.warning("job_doubted", job_id=str(job_id), attempt=attempt, reason=reason)


def answer_late(*, jobs: int) -> None:
    """Answers came for jobs that somebody else had settled."""
    _log.info("answer_late", jobs=jobs)


def answers_unwritten(*, jobs: int, error: str) -> None:
    """Answers of Twilio could not be recorded; their jobs will be in doubt and looked up."""
    _log.error("answers_unwritten", jobs=jobs, error=error)


def code_unknown(*, job_id: UUID, code: int | None, reason: str) -> None:
    """Twilio refused a text for a reason that the table of codes wants a person to see."""
    _log.error("code_unknown", job_id=str(job_id), code=code, reason=reason)


def breaker_opened(*, scope: str, reason: str, seconds: float, times: int) -> None:
    """No send starts for a while, because each would fail; then one text shows whether it would."""
    _log.error("breaker_opened", scope=scope, reason=reason, seconds=seconds, times=times)


def breaker_probed(*, scope: str) -> None:
    """One text is on its way to show whether Twilio takes texts again."""
    _log.warning("breaker_probed", scope=scope)


def breaker_closed(*, scope: str, seconds: float) -> None:
    """Texts go out again, after so long."""
    _log.warning("breaker_closed", scope=scope, seconds=seconds)


def entries_published(*, lane: str, jobs: int, tasks: int) -> None:
    """The bridge has handed jobs to Celery."""
    _log.info("entries_published", lane=lane, jobs=jobs, tasks=tasks)


def entries_given_back(*, lane: str, jobs: int) -> None:
    """A worker that stops, or lost the broker, leaves jobs that it had not begun to others."""
    _log.info("entries_given_back", lane=lane, jobs=jobs)


def entries_released(*, lane: str, jobs: int) -> None:
    """Redis has lost its queues; what was in them is handed out again at once."""
    _log.warning("entries_released", lane=lane, jobs=jobs)


def entry_adopted(*, queue: str, msg_id: int, job_id: UUID | None, result: str) -> None:
    """A queue entry that carried a whole message has become a job."""
    _log.info("entry_adopted", queue=queue, msg_id=msg_id, job_id=str(job_id), result=result)


def entry_buried(*, queue: str, msg_id: int, reason: str) -> None:
    """A queue entry that nobody can use went to the dead letters."""
    _log.warning("entry_buried", queue=queue, msg_id=msg_id, reason=reason)


def jobs_promoted(*, jobs: int, expired: int, hurried: int) -> None:
    """The time of these jobs has come; that of others is over, or soon will be."""
    _log.info("jobs_promoted", jobs=jobs, expired=expired, hurried=hurried)


def jobs_swept(*, jobs: int) -> None:
    """The workers of these jobs have died; they are in doubt."""
    _log.warning("jobs_swept", jobs=jobs)


def series_refused(*, series_id: UUID, reason: str) -> None:
    """Nothing more comes of this series: a person must mend it and add it anew."""
    _log.warning("series_refused", series_id=str(series_id), reason=reason)


def entries_restored(*, jobs: int) -> None:
    """Pending jobs without a queue entry have a new one."""
    _log.warning("entries_restored", jobs=jobs)


def records_deleted(*, jobs: int, events: int, letters: int, processes: int) -> None:
    """These were kept for as long as is set."""
    _log.info("records_deleted", jobs=jobs, events=events, letters=letters, processes=processes)


def deletion_postponed(*, reason: str) -> None:
    """A batch of old rows could not be deleted in time; the next run tries again."""
    _log.warning("deletion_postponed", reason=reason)


def doubt_ended(*, job_id: UUID, status: str, reason: str) -> None:
    """A job is no longer in doubt."""
    _log.info("doubt_ended", job_id=str(job_id), status=status, reason=reason)


def lookup_failed(*, job_id: UUID, reason: str) -> None:
    """Twilio's list did not answer: the job stays in doubt and is looked up again."""
    _log.warning("lookup_failed", job_id=str(job_id), reason=reason)


def job_handed_over(*, jobs: int) -> None:
    """Twilio keeps these texts until their time."""
    _log.info("job_handed_over", jobs=jobs)


def job_recalled(*, job_id: UUID, result: str) -> None:
    """A text that Twilio kept was asked back."""
    _log.info("job_recalled", job_id=str(job_id), result=result)


def receipt_recorded(*, receipts: int, orphans: int) -> None:
    """Status callbacks are in the journal; orphans fit no job."""
    _log.info("receipt_recorded", receipts=receipts, **({"orphans": orphans} if orphans else {}))


def inbound_received(*, sid: str, word: str | None, sounds_like_refusal: bool) -> None:
    """A text to us is on record; one that sounds like a refusal waits for a person."""
    _log.info("inbound_received", sid=sid, word=word, sounds_like_refusal=sounds_like_refusal)


def inbound_found(*, sid: str, word: str | None, was_outdone: bool) -> None:
    """A text was found that no webhook brought; outdone: its number said the opposite since."""
    _log.warning("inbound_found", sid=sid, word=word, was_outdone=was_outdone)


def inbound_unread(*, reason: str) -> None:
    """Twilio's list of texts to us could not be read to its end: the next look reads it again."""
    _log.warning("inbound_unread", reason=reason)


def number_stopped(*, messages: int) -> None:
    """A STOP is on record; so many texts to that number are ended."""
    _log.info("number_stopped", messages=messages)


def refused(*, what: str, reason: str, times: int) -> None:
    """Strangers' webhooks, connections or Celery messages: so many since that was told."""
    _log.warning(f"{what}_refused", reason=reason, times=times)


def infrastructure_lost(*, part: Part, reason: str) -> None:
    """Our own infrastructure does not answer; work waits until it does."""
    _log.error("infrastructure_lost", part=part, reason=reason)


def infrastructure_back(*, part: str, seconds: float, failures: int) -> None:
    """It answers again, `seconds` after the first failure, and what has waited goes on."""
    _log.warning("infrastructure_back", part=part, seconds=round(seconds, 1), failures=failures)


def alert_fired(*, name: str, subject: str, value: float, what: str) -> None:
    """Something has been wrong for a while, and a person should know."""
    _log.error("alert_fired", name=name, subject=subject, value=value, what=what)


def alert_resolved(*, name: str, subject: str, value: float) -> None:
    """It has been well again for a while."""
    _log.warning("alert_resolved", name=name, subject=subject, value=value)


def alert_untold(*, channel: str, name: str, attempts: int, reason: str) -> None:
    """A channel did not take the news of an alert; it is tried again."""
    _log.warning("alert_untold", channel=channel, name=name, attempts=attempts, reason=reason)


def alerts_given_up(*, notices: int) -> None:
    """News of alerts were tried for a day, and are given up."""
    _log.error("alerts_given_up", notices=notices)


def standstill_noticed(*, process: str, seconds: float, reason: str) -> None:
    """This process has ceased to work and ends itself, to be started anew."""
    _log.error("standstill_noticed", process=process, seconds=seconds, reason=reason)


def pulse_failed(*, process: str, reason: str) -> None:
    """This process could not show that it lives, or not look whether all is well."""
    _log.error("pulse_failed", process=process, reason=reason)
