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

from common.short_redis import short_redis

log = structlog.get_logger(__name__)

SIDE_QUEUE = "side"
_QUIET_AFTER_FAILURE_SECONDS = 2.0
_silent_until = 0.0


def pool_queue(pool: str) -> str:
    """The queue that the GPU workers of a pool listen to."""
    return f"pool.{pool}"


def ring_after_commit(queue: str) -> None:
    """Rings once the present transaction is committed: an earlier bell would wake a worker to see nothing."""
    transaction.on_commit(lambda: ring(queue))


def ring(queue: str) -> bool:
    """Rings now. Returns whether Redis took it; the reconciler makes up for bells that it did not."""
    global _silent_until  # noqa: PLW0603 (one breaker a process)
    if time.monotonic() < _silent_until:
        return False
    try:
        Queue(queue, connection=short_redis()).push_job_id(uuid.uuid4().hex)
    except redis.RedisError as error:
        _silent_until = time.monotonic() + _QUIET_AFTER_FAILURE_SECONDS
        log.warning("doorbell_not_rung", queue=queue, reason=str(error))
        return False
    return True
