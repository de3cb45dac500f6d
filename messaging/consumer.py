"""Celery's consumer, with a `rate_limit` that holds however many tasks wait for their turn."""

from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu.utils.limits import TokenBucket


class SteadyConsumer(Consumer):  # type: ignore[misc]  # celery has no annotations
    """One timer for all tasks that a `rate_limit` holds back, instead of a timer for each.

    kombu fires ten timers at a time and then sleeps for up to a second, and each of Celery's
    timers sets itself again while it is too early. So with more than ten tasks held back (a
    worker of 16 threads takes 16 ahead), a limit of 100 a second became one a second
    (celery 5.7, kombu 5.7).
    """

    def _limit_task(self, request: Request, bucket: TokenBucket, tokens: int) -> None:
        is_first = not bucket.contents
        bucket.add((request, tokens))  # type: ignore[no-untyped-call]
        if is_first:  # else a timer is set already
            self._schedule_bucket_request(bucket)

    def _limit_post_eta(self, request: Request, bucket: TokenBucket, tokens: int) -> None:
        """The same for a task that is tried again and whose time has come."""
        self.qos.decrement_eventually()
        self._limit_task(request, bucket, tokens)
