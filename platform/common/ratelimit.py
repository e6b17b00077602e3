"""Rate limits, counted in Redis by the `limits` library: exact under concurrency, since one script counts and decides.

When Redis is away calls pass: credits and the queue still bound what a team can do, and an outage of the counter
should not be an outage of the product.
"""

import time
from functools import cache

import redis
import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from common.errors import LimitExceeded

log = structlog.get_logger(__name__)


@cache
def _limiter() -> MovingWindowRateLimiter:
    # The library tells Redis over a Unix socket by a scheme of its own.
    address = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
    timeout = settings.REDIS_TIMEOUT_SECONDS
    storage = storage_from_string(address, socket_timeout=timeout, socket_connect_timeout=timeout)
    return MovingWindowRateLimiter(storage)


def hit(limit: str, *, scope: str, caller: str) -> None:
    """Counts one call of `caller` against `limit`, such as "10/minute". Raises LimitExceeded beyond it."""
    item: RateLimitItem = parse(limit)
    try:
        if _limiter().hit(item, scope, caller):
            return
        resets_at, remaining = _limiter().get_window_stats(item, scope, caller)
    except redis.RedisError as error:
        log.warning("rate_limit_not_counted", scope=scope, reason=str(error))
        return
    wait = max(1, round(resets_at - time.time()))
    raise LimitExceeded(
        f"More than {item.amount} calls in {item.get_expiry()} seconds. Try again in {wait} seconds.",
        extra={"scope": scope, "limit": item.amount, "remaining": remaining, "reset": wait},
        retry_after_seconds=wait,
    )
