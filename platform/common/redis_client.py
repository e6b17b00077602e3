"""Redis for calls of the web, which rather go on without it than wait."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def redis_client() -> redis.Redis:
    """A client that gives up on a frozen or absent server within REDIS_TIMEOUT_SECONDS."""
    timeout = settings.REDIS_TIMEOUT_SECONDS
    # Without the client's own retries, each of which would wait as long again.
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)
