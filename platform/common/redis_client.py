"""The Redis client of web requests, which continue without Redis rather than wait for it."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.circuit_breaker import CircuitBreaker

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

# Shared by all that use the client: if Redis did not respond to one, the others need not wait for it.
redis_breaker = CircuitBreaker()


@cache
def redis_client() -> redis.Redis:
    """Return a client that gives up on an unresponsive or absent server within REDIS_TIMEOUT_SECONDS."""
    timeout = settings.REDIS_TIMEOUT_SECONDS
    # No retries by the client: each would wait for the timeout again.
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)


def try_redis(event: str, command: Callable[[], Result], **fields: object) -> Result | None:
    """Run a command and return its result. Return None if Redis does not respond, or did not a moment ago.

    event, fields: what to log if the command fails. A command that is skipped is not logged.
    """
    if redis_breaker.is_open:
        return None
    try:
        return command()
    except redis.RedisError as error:
        redis_breaker.open()
        log.warning(event, **fields, reason=str(error))
        return None
