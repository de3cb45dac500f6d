"""How the breakers stand, in Redis."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from messaging.commands.broker import place
from messaging.domain.standing import Standing
from messaging.domain.wording import plain
from messaging.errors import Unreachable
from messaging.redis.throttle import Throttle
from messaging.settings import Settings


def standing(settings: Settings) -> Sequence[Standing]:
    """Both of them now. Raises Unreachable where Redis does not answer."""
    throttle = Throttle(settings)
    try:
        return throttle.breakers.standing()
    except RedisError as error:
        where = place(settings.redis_url.get_secret_value())
        said = plain(str(error)).rstrip(".")
        raise Unreachable(f"Redis at {where} does not answer: {said}.") from None
    finally:
        throttle.close()


def sentences(known: Sequence[Standing]) -> list[str]:
    """What is open, in a sentence each."""
    return [f"Nothing is sent with our {one.scope}. {one.sentence}" for one in known if one.is_open]
