"""Redis, the throttle in it, and the Celery processes."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from messaging.commands import broker
from messaging.commands.breakers import sentences
from messaging.commands.broker import Nodes
from messaging.commands.checks.finding import Finding, State, ok, skipped, trouble
from messaging.domain.standing import Standing
from messaging.domain.wording import count, hide_numbers, plain
from messaging.errors import Unreachable
from messaging.local.processes import BEAT, BRIDGE, WORKER, Command
from messaging.redis.throttle import Throttle
from messaging.settings import Settings


def look(settings: Settings) -> list[Finding]:
    """Looks at Redis, and asks who answers through the broker; takes about two seconds."""
    redis = _redis(settings)
    is_lost = redis[0].state is State.TROUBLE and settings.broker_url is None
    return [*redis, *(_not_asked() if is_lost else _celery(settings))]


def _redis(settings: Settings) -> list[Finding]:
    url = settings.redis_url.get_secret_value()
    throttle = Throttle(settings)
    try:
        version, known = throttle.ping(), throttle.breakers.standing()
    except RedisError as error:
        said = plain(str(error)).rstrip(".")
        what = f"Redis at {broker.place(url)} does not answer: {said}."
        return [
            trouble("redis", what, "Check that it runs, and REDIS_URL."),
            skipped("sending", "Not looked at: Redis does not answer."),
        ]
    finally:
        throttle.close()
    return [ok("redis", f"{version} at {broker.place(url)}"), _sending(settings, known)]


def _sending(settings: Settings, known: Sequence[Standing]) -> Finding:
    stopped = sentences(known)
    if stopped:
        return trouble(
            "sending",
            hide_numbers(" ".join(stopped)),
            "Texts wait until this is put right; then they go out by themselves.",
        )
    rate = settings.sends_per_second
    unit = settings.rate_limit_unit.value
    return ok("sending", f"not paused, at most {rate:g} {unit} a second" if rate else "not paused")


def _celery(settings: Settings) -> list[Finding]:
    try:
        nodes = broker.nodes(settings)
    except Unreachable as error:
        advice = "Check REDIS_URL or MESSAGING_BROKER_URL."
        return [trouble("broker", str(error), advice), *_not_asked()]
    return [
        _takers("workers", nodes, broker.SENDING, WORKER),
        _takers("bridge", nodes, broker.UPKEEP, BRIDGE),
        _beat(nodes),
    ]


def _not_asked() -> list[Finding]:
    roles = ("workers", "bridge", "beat")
    return [skipped(role, "Not asked: the broker does not answer.") for role in roles]


def _takers(name: str, nodes: Nodes, queues: Sequence[str], command: Command) -> Finding:
    lacking = [queue for queue in queues if not nodes.taking(queue)]
    if lacking:
        return trouble(name, f"Nobody takes {' or '.join(lacking)}.", _start(command))
    takers = sorted({worker for queue in queues for worker in nodes.taking(queue)})
    return ok(name, f"{count(len(takers), 'process', 'processes')}: {', '.join(takers)}")


def _beat(nodes: Nodes) -> Finding:
    if not nodes.beats:
        return trouble("beat", "It does not answer: texts for later stay there.", _start(BEAT))
    return ok("beat", ", ".join(nodes.beats))


def _start(command: Command) -> str:
    return f"Start one: {command.line}"
