"""The Redis client of web requests, which continue without Redis rather than wait for it."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.circuit_breaker import CircuitBreaker

# Shared by all that use the client: if Redis did not respond to one, the others need not wait for it.
redis_breaker = CircuitBreaker()


@cache
def redis_client() -> redis.Redis:
    """Return a client that gives up on an unresponsive or absent server within REDIS_TIMEOUT_SECONDS."""
    timeout = settings.REDIS_TIMEOUT_SECONDS
    # No retries by the client: each would wait for the timeout again.
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)
