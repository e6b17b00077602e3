"""Wakes workers up: puts an entry on an RQ queue that says "there may be work" and names no job.

The work itself is in Postgres. A lost wake-up delays an idle worker by at most one poll interval. Therefore a wake-up
never fails or delays a request: the Redis client has short timeouts, and after a failure none is sent for a moment.
"""

import uuid

import redis
import structlog
from django.db import transaction
from rq import Queue

from common.redis_client import redis_breaker, redis_client

log = structlog.get_logger(__name__)

MAINTENANCE_QUEUE = "maintenance"


def pool_queue(pool: str) -> str:
    """Return the queue that the GPU workers of a pool listen to."""
    return f"pool.{pool}"


def notify_on_commit(queue: str) -> None:
    """Send a wake-up once the present transaction is committed. Before that, a worker would not see the work."""
    transaction.on_commit(lambda: notify(queue))


def notify(queue: str) -> bool:
    """Send a wake-up now. Return whether Redis accepted it; the reconciler repeats lost wake-ups."""
    if redis_breaker.is_open:
        return False
    try:
        Queue(queue, connection=redis_client()).push_job_id(uuid.uuid4().hex)
    except redis.RedisError as error:
        redis_breaker.open()
        log.warning("wakeup_failed", queue=queue, reason=str(error))
        return False
    return True
