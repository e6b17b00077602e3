"""Rings a doorbell: an entry on an RQ queue that says "there may be work", and names no job.

Postgres knows the work; a bell that is lost costs idle workers at most one poll. So ringing never fails a
request and never holds it up: the client has short timeouts, and after a failure the bell stays silent for a moment.
"""

import time
import uuid

import redis
import structlog
from django.db import transaction
from rq import Queue

from common.redis_client import redis_client

log = structlog.get_logger(__name__)

MAINTENANCE_QUEUE = "side"
_BREAKER_OPEN_SECONDS = 2.0
_breaker_open_until = 0.0


def pool_queue(pool: str) -> str:
    """The queue that the GPU workers of a pool listen to."""
    return f"pool.{pool}"


def notify_on_commit(queue: str) -> None:
    """Rings once the present transaction is committed: an earlier bell would wake a worker to see nothing."""
    transaction.on_commit(lambda: notify(queue))


def notify(queue: str) -> bool:
    """Rings now. Returns whether Redis took it; the reconciler makes up for bells that it did not."""
    global _breaker_open_until  # noqa: PLW0603 (one breaker a process)
    if time.monotonic() < _breaker_open_until:
        return False
    try:
        Queue(queue, connection=redis_client()).push_job_id(uuid.uuid4().hex)
    except redis.RedisError as error:
        _breaker_open_until = time.monotonic() + _BREAKER_OPEN_SECONDS
        log.warning("wakeup_failed", queue=queue, reason=str(error))
        return False
    return True
