"""The breakers of our account and our sender, shared by all workers.

Redis may forget them at any moment. Then texts go out one by one until Twilio answers one of them.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import blake2b
from threading import Lock
from typing import Any

import redis

from messaging.domain.breaker import Passage, Record, State, Tally, follows
from messaging.domain.standing import Standing, stands
from messaging.domain.verdict import Scope, Verdict
from messaging.redis.scripts import script
from messaging.settings import Settings

_MICROSECOND = timedelta(microseconds=1)
_SPARE = timedelta(seconds=2)
"""Beyond the time that a request may take, until the probe of a worker that died is another's."""
_QUIET = 0.25
"""Seconds without a call."""
_FAILURES = {Scope.ACCOUNT: "a", Scope.SENDER: "s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A breaker that this call has put into another state."""

    scope: Scope
    before: Record
    after: Record
    now: int


class Breakers:
    """Both breakers of one installation. For any thread."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self.keys = keys(settings)
        self.rules = settings.breaker_rules
        self._note = client.register_script(script("gate.lua", "note.lua"))
        self._change = client.register_script(script("change.lua"))
        self._client = client
        self._lock = Lock()
        self._passed = 0
        self._told_at = -math.inf
        longest = settings.send_deadline + settings.connect_timeout + settings.read_timeout
        self._lease = timedelta(seconds=longest) + _SPARE

    def saw(self, passed: int) -> None:
        """Counts texts that Twilio took; Redis is told with the next call."""
        with self._lock:
            self._passed += passed

    @property
    def is_quiet(self) -> bool:
        """Whether Redis was told nothing for a moment."""
        return time.monotonic() - self._told_at > _QUIET

    def asked(self, probe: str) -> list[str | int]:
        """What the throttle's script is given for the breakers."""
        return [probe, self._lease // _MICROSECOND, self._window, self._take_passed()]

    def note(self, passage: Passage, verdicts: Sequence[Verdict]) -> list[Change]:
        """Notes what the answers to texts of this passage say, and opens or closes what follows.

        Returns what this call has changed: of all processes that note the same, one. Raises
        redis.RedisError where it is down.
        """
        told, *found = self._note(keys=self.keys, args=self._counted(passage, verdicts))
        now, (results, *fields) = int(told), found
        changes = []
        for scope, known in zip(Scope, fields, strict=True):
            before = _record(_pairs(known))
            tallies = _tallies(_pairs(results), now, scope)
            after = follows(self.rules, scope, before, now, passage, verdicts, tallies)
            if after and self._put(scope, before, after):
                changes.append(Change(scope=scope, before=before, after=after, now=now))
        return changes

    def standing(self) -> list[Standing]:
        """How each stands now. Raises redis.RedisError where it is down."""
        with self._client.pipeline(transaction=False) as pipe:
            return standings(questions(pipe, self.keys).execute())

    def openings(self) -> int:
        """How often both have opened since Redis knows them. Raises redis.RedisError."""
        return sum(int(self._client.hget(key, "generation") or 0) for key in self.keys[:2])

    @property
    def _window(self) -> int:
        return max(2, round(self.rules.window.total_seconds()))

    def _take_passed(self) -> int:
        self._told_at = time.monotonic()
        if not self._passed:
            return 0
        with self._lock:
            passed, self._passed = self._passed, 0
        return passed

    def _counted(self, passage: Passage, verdicts: Sequence[Verdict]) -> list[int]:
        works = sum(verdict.account is True for verdict in verdicts)
        failed = [sum(verdict.of(scope) is False for verdict in verdicts) for scope in Scope]
        passed = works + self._take_passed()
        return [*passage.generations, self._window, passed, *failed]

    def _put(self, scope: Scope, before: Record, after: Record) -> bool:
        kept = asdict(after)
        state = kept.pop("state")
        fields = [state, *(part for pair in kept.items() for part in pair)]
        key = self.keys[0 if scope is Scope.ACCOUNT else 1]
        was = [before.state.value, before.generation, before.probe]
        return bool(self._change(keys=[key, self.keys[2]], args=[*was, *fields]))


def keys(settings: Settings) -> list[str]:
    """The keys of account, sender and results: no number, and nothing secret in them.

    Whoever has other credentials has other breakers: that mine are refused says nothing of yours.
    """
    secret = settings.twilio_api_secret or settings.twilio_auth_token
    account = "\n".join(
        part or ""
        for part in (
            settings.twilio_api_base_url,
            settings.twilio_account_sid,
            settings.twilio_api_key,
        )
    )
    sender = settings.twilio_messaging_service_sid or settings.twilio_from or ""
    key = blake2b((secret.get_secret_value() if secret else "").encode()).digest()
    ours = [
        blake2b(words.encode(), digest_size=6, key=key).hexdigest()
        for words in (account, f"{account}\n{sender}")
    ]
    return [
        f"messaging:breaker:account:{ours[0]}",
        f"messaging:breaker:sender:{ours[1]}",
        f"messaging:breaker:results:{ours[1]}",
    ]


def questions(pipe: Any, keys: Sequence[str]) -> Any:
    """A pipeline, plain or asynchronous, with all that `standings` wants to be told."""
    pipe.time()
    for key in keys[:2]:
        pipe.hgetall(key)
    return pipe


def standings(told: Sequence[Any]) -> list[Standing]:
    """How the breakers stand, from the answers to `questions`."""
    (seconds, microseconds), *fields = told
    now = seconds * 1_000_000 + microseconds
    return [stands(scope, _record(known), now) for scope, known in zip(Scope, fields, strict=True)]


def _record(fields: Mapping[str, str]) -> Record:
    def number(name: str) -> int:
        return int(fields.get(name, 0))

    return Record(
        state=State(fields.get("state", "")),
        generation=number("generation"),
        times=number("times"),
        since=number("since"),
        closed_at=number("closed_at"),
        reason=fields.get("reason", ""),
        probe=fields.get("probe", ""),
        probe_at=number("probe_at"),
        probe_until=number("probe_until"),
        silent=number("silent"),
    )


def _tallies(results: Mapping[str, str], now: int, scope: Scope) -> Iterator[Tally]:
    seconds: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for field, number in results.items():
        seconds[int(field[:-1])][field[-1]] = int(number)
    for second, counts in seconds.items():
        yield Tally(
            age=now // 1_000_000 - second,
            passed=counts.get("p", 0),
            failed=counts.get(_FAILURES[scope], 0),
        )


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
