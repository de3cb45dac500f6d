"""What an answer of Twilio's says of our account and our sender. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import assert_never

from messaging.domain.answers import Accepted, Answer, Fault, InDoubt, NotSent, Rejected


class Scope(StrEnum):
    """Whom a breaker stops: everybody with our account's credentials, or our sender only."""

    ACCOUNT = "account"
    SENDER = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an answer says: that account or sender works, that it does not, or nothing (None).

    `at_once` says that every other text would fail like this one, `silent` that Twilio says nothing
    at all, `crowded` that it takes not even single requests. `wait` is how long it wants to be left
    alone.
    """

    account: bool | None = None
    sender: bool | None = None
    at_once: bool = False
    silent: bool = False
    crowded: bool = False
    reason: str = ""
    wait: timedelta = timedelta(0)

    def of(self, scope: Scope) -> bool | None:
        """What it says of one of them."""
        return self.account if scope is Scope.ACCOUNT else self.sender


def judge(answer: Answer) -> Verdict:
    """What an answer says of account and sender.

    A 429 says nothing, unless Twilio refuses requests that are sent one by one, too. What depends
    on the recipient says nothing of the sender: Twilio may have looked at that first.
    """
    match answer:
        case Accepted():
            return Verdict(account=True, sender=True)
        case Rejected(fault=Fault.CONFIGURATION, of_sender=True):
            return Verdict(
                account=True, sender=False, at_once=answer.pauses, reason=_reason(answer)
            )
        case Rejected(pauses=True):
            return Verdict(account=False, at_once=True, reason=_reason(answer))
        case Rejected():
            return Verdict(account=True)
        case InDoubt():
            return Verdict(account=False, reason=answer.reason)
        case NotSent():
            return _unsent(answer)
        case _:
            assert_never(answer)


def _unsent(answer: NotSent) -> Verdict:
    if answer.unreachable:
        return Verdict(account=False, reason=answer.reason)
    if not answer.crowded:
        return Verdict()
    wait = answer.retry_after or timedelta(0)
    if answer.pauses:
        return Verdict(account=False, at_once=True, crowded=True, reason=answer.reason, wait=wait)
    return Verdict(wait=wait)


def _reason(answer: Rejected) -> str:
    return f"{answer.code}: {answer.message}" if answer.code else answer.message
