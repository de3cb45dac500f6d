"""What is true after every step of a run, and what is true when everything has run to its end."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from messaging.domain.job import FINAL, TRANSITIONS, Status
from messaging.domain.receipt import RANK
from tests.state.book import Book
from tests.state.twilio import Ledger
from tests.state.world import Change, Job, Sight

_WATCHED = {Status.PROCESSING, Status.IN_DOUBT, Status.PENDING, Status.RETRYING, Status.SCHEDULED}


def after_a_step(sight: Sight, ledger: Ledger, book: Book) -> None:
    """Raises AssertionError where something that must always be true is not."""
    for change in sight.changes:
        _is_legal(change, ledger)
    for job in sight.jobs:
        _is_looked_at(job)
        _has_its_own_sid(job, ledger)
    assert [] == _twice(job.twilio_sid for job in sight.jobs if job.twilio_sid)
    assert () == sight.ended_twice, "an attempt ended twice"
    assert () == sight.unwritten, "nothing is written about an attempt that is over"
    _have_entries(sight, book)
    _are_sent_once(sight, ledger, book)
    _are_as_many_as_were_handed_over(sight, book)


def at_the_end(sight: Sight, ledger: Ledger, book: Book, *, with_receipts: bool) -> None:
    """Raises AssertionError where a text was lost, or is not recorded as what it came to."""
    for job in sight.jobs:
        assert job.status in FINAL | {Status.HELD}, f"it never ends: {job}"
        if job.status is Status.FAILED:
            assert job.id in ledger.may_fail or job.in_doubt_policy == "fail", f"lost: {job}"
        if job.status is Status.CANCELED:
            assert job.id in book.to_cancel, f"nobody canceled it: {job}"
        if job.status is Status.SENT and job.twilio_sid:
            assert ledger.texts[job.twilio_sid].counts, f"it never reached the phone: {job}"
    assert not sight.entries, "entries are left of jobs that have ended"
    if with_receipts:
        _are_all_recorded(sight, ledger)


def _is_legal(change: Change, ledger: Ledger) -> None:
    old, new = Status(change.old_status), Status(change.new_status)
    assert old is new or new in TRANSITIONS[old], f"not legal: {change}"
    claimed = new is Status.PROCESSING and old is not new
    assert change.new_attempt - change.old_attempt == int(claimed), f"an attempt too many: {change}"
    if change.old_recall == "cancel" and old in (Status.PROCESSING, Status.IN_DOUBT):
        again = new in (Status.PENDING, Status.RETRYING)
        assert not again, f"it is sent again though a caller wants it canceled: {change}"
    if change.old_sid == change.new_sid:
        assert RANK.get(change.new_word or "", 0) >= RANK.get(change.old_word or "", 0), (
            f"delivery goes backwards: {change}"
        )
    elif change.old_sid is not None:
        assert change.new_sid is None, f"it changes its SID: {change}"
        dropped = next(t for t in ledger.texts.values() if t.sid == change.old_sid)
        assert not dropped.counts, f"it forgets a text that Twilio sends: {change}"


def _is_looked_at(job: Job) -> None:
    if job.status in _WATCHED:
        assert job.is_due, f"nobody looks at it: {job}"
    if job.status in FINAL:
        assert not job.is_due, f"somebody looks at it in vain: {job}"


def _has_its_own_sid(job: Job, ledger: Ledger) -> None:
    if job.twilio_sid is None:
        assert job.status is not Status.SENT, f"sent without a SID: {job}"
        return
    text = ledger.texts[job.twilio_sid]
    assert text.of.body == job.message_content, f"somebody else's SID: {job}"
    gone = job.status in (Status.CANCELED, Status.FAILED) and not text.counts
    kept = job.status is Status.SCHEDULED and job.is_kept
    assert job.status is Status.SENT or kept or gone, f"Twilio has it, and it waits: {job}"


def _have_entries(sight: Sight, book: Book) -> None:
    lacking = {job.id for job in sight.jobs if job.status is Status.PENDING} - sight.entries
    assert lacking <= book.robbed, "pending jobs have no entry, and nobody took it away"
    book.robbed &= lacking


def _are_sent_once(sight: Sight, ledger: Ledger, book: Book) -> None:
    alike = defaultdict(list)
    for job in sight.jobs:
        alike[job.message_content].append(job)
    for body, times in _taken(ledger).items():
        allowed = book.allowed(alike[body])
        assert times <= allowed, f"Twilio took {body!r} {times} times, not {allowed}"


def _are_as_many_as_were_handed_over(sight: Sight, book: Book) -> None:
    there = Counter(job.message_content for job in sight.jobs)
    for body in book.most:
        few, many = book.least[body], book.most[body]
        assert few <= there[body] <= many, f"{body!r} is {there[body]} jobs, not {few} to {many}"


def _are_all_recorded(sight: Sight, ledger: Ledger) -> None:
    """Every text that reaches a phone is some job's, unless its own job has another one."""
    owned = {job.twilio_sid for job in sight.jobs}
    answered_for = {job.id for job in sight.jobs if job.twilio_sid}
    for text in ledger.texts.values():
        known = text.sid in owned or text.of.job_id in answered_for
        assert known or not text.counts, f"nobody knows that it was sent: {text}"


def _taken(ledger: Ledger) -> Counter[str]:
    return Counter(text.of.body for text in ledger.texts.values() if text.counts)


def _twice(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]
