"""Ways to break the product, each with a story that brings it out."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.state.story import Story
from tests.state.twilio import Reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A function or a named query in which `old` is replaced, and a story that brings it out."""

    where: str
    old: str
    new: str = ""
    story: Callable[[Story], None]
    found: str


def a_stale_answer(story: Story) -> None:
    """The answer to the first attempt comes during the second."""
    story.hand_over()
    story.claim()
    story.write(Reaction.LOST)
    story.beat(65)
    story.beat(65)
    story.claim()
    story.settle()


def an_answer_that_is_settled_twice(story: Story) -> None:
    """The worker did not see that its first commit was one."""
    story.hand_over()
    story.claim()
    story.write(Reaction.MISTAKE)
    story.settle_again()
    story.settle()


def a_doubt_that_ends_unsent(story: Story) -> None:
    """Twilio's list does not show it, and it is pending again. The entry that it kept is gone."""
    story.hand_over()
    story.send(Reaction.LOST)
    story.purge()
    story.beat(65)
    story.beat(65)


def a_cancel_in_doubt(story: Story) -> None:
    """A caller cancels what a worker has, and it turns out not to have been sent."""
    story.hand_over()
    story.claim()
    story.write(Reaction.LOST)
    story.cancel()
    story.beat(65)
    story.beat(65)


def receipts_in_disorder(story: Story) -> None:
    """That it was delivered is known before that it was sent."""
    story.hand_over()
    story.send(Reaction.ACCEPTED)
    story.receive("delivered")
    story.receive("sent")


def a_receipt_of_the_first_of_two_texts(story: Story) -> None:
    """Sent again by policy, and then it turns out that the first text went out as well."""
    story.hand_over(policy="resend")
    story.send(Reaction.UNSEEN)
    story.beat(130)
    story.send(Reaction.ACCEPTED)
    story.receive("sent", which=1)


def a_text_that_twilio_keeps(story: Story) -> None:
    """Beside one that is due: else nobody would look. It is Twilio's to send."""
    story.hand_over(wait=1200)
    story.keep()
    story.wait(1500)
    story.hand_over(wait=60)
    story.beat(100)


def a_cancel_of_a_text_that_twilio_keeps(story: Story) -> None:
    """It is canceled once Twilio has dropped it."""
    story.hand_over(wait=7200)
    story.keep()
    story.cancel()


def a_recall_that_is_too_late(story: Story) -> None:
    """While Twilio says so, a receipt tells that the text has gone out."""
    story.hand_over(wait=1200)
    story.keep()
    story.cancel()
    story.wait(1300)
    story.take_back(meanwhile="receipt")


def a_hint_that_comes_twice(story: Story) -> None:
    """A second worker wants what a first one has."""
    story.hand_over()
    story.claim()
    story.claim()


def a_sweep_while_somebody_works(story: Story) -> None:
    """The request is written within its deadline."""
    story.hand_over()
    story.claim()
    story.beat(2)
    story.write(Reaction.ACCEPTED)


def a_queue_that_is_purged(story: Story) -> None:
    """The sweep restores the entry."""
    story.hand_over()
    story.purge()
    story.beat(130)


def a_request_that_arrives_late(story: Story) -> None:
    """Twilio is asked twice before the request arrives."""
    story.hand_over()
    story.send(Reaction.LATE)
    story.beat(10)
    story.beat(10)
    story.send(Reaction.ACCEPTED)
    story.arrive()


SETTLE = (
    "messaging.settle(uuid[], integer[], text[], text[], text[], text[], integer[], text[], text[],"
    " bigint[], boolean[], double precision[], integer[], integer[], integer[], text[], integer)"
)
BROKEN = {
    "a settle that does not ask for its attempt": Broken(
        where=SETTLE,
        old="and j.attempt = g.attempt",
        story=a_stale_answer,
        found="nothing is written about an attempt",
    ),
    "a settle that does not ask for the status": Broken(
        where=SETTLE,
        old="j.status = 'processing'\n",
        new="true\n",
        story=an_answer_that_is_settled_twice,
        found="an attempt ended twice",
    ),
    "a settle that gives no entry to what is sent again": Broken(
        where=SETTLE,
        old="status = 'pending' and",
        new="false and",
        story=a_doubt_that_ends_unsent,
        found="pending jobs have no entry",
    ),
    "a settle that forgets a wish to cancel": Broken(
        where=SETTLE,
        old="when j.recall = 'cancel' and g.status in ('pending', 'retrying') then 'canceled'",
        story=a_cancel_in_doubt,
        found="though a caller wants it canceled",
    ),
    "receipts that move backwards": Broken(
        where="messaging.record_receipts(jsonb)",
        old="messaging.delivery_rank(latest.status) > messaging.delivery_rank(j.delivery_status)",
        new="true",
        story=receipts_in_disorder,
        found="delivery goes backwards",
    ),
    "receipts that give a second SID": Broken(
        where="messaging.record_receipts(jsonb)",
        old="      known.twilio_sid = g.sid\n",
        new="      true\n",
        story=a_receipt_of_the_first_of_two_texts,
        found="it changes its SID",
    ),
    "a promotion of what Twilio keeps": Broken(
        where="messaging.promote(integer)",
        old="and handed_over_at is null",
        story=a_text_that_twilio_keeps,
        found="Twilio has it, and it waits",
    ),
    "a cancel of what Twilio keeps": Broken(
        where="messaging.is_ours_to_cancel(message_jobs)",
        old="((job).handed_over_at IS NULL)",
        new="true",
        story=a_cancel_of_a_text_that_twilio_keeps,
        found="Twilio has it, and it waits",
    ),
    "a restoring of entries that restores none": Broken(
        where="messaging.restore_entries(double precision, integer)",
        old="status = 'pending'",
        new="false",
        story=a_queue_that_is_purged,
        found="pending jobs have no entry",
    ),
    "a claim that does not ask for the status": Broken(
        where="messaging.claim(uuid[],interval)",
        old="and status || '' = 'pending'",
        story=a_hint_that_comes_twice,
        found="an attempt too many",
    ),
    "a sweep that does not wait for the lease": Broken(
        where="sweep_processing",
        old="and due_at <= statement_timestamp()",
        story=a_sweep_while_somebody_works,
        found="is written",
    ),
    "a recall that does not ask for the status": Broken(
        where="recall_too_late",
        old="and status = 'scheduled'\n    and recall",
        new="and recall",
        story=a_recall_that_is_too_late,
        found="somebody looks at it in vain",
    ),
}
