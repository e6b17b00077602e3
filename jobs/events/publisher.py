"""Puts events into Redis: a stream for each job, short and soon forgotten.

Whoever publishes never waits and never fails: a thread does it, from a queue of bounded length, and while Redis is away
everything is dropped. Who follows a job learns what matters from Postgres then.
"""

import queue
import threading
import time
import uuid
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.events.event import Event, status_event

log = structlog.get_logger(__name__)

# A minute of a running job, with its previews; nobody is away for longer and still asks for them.
MAX_STREAM_LENGTH = 256
_STREAM_TTL_SECONDS = 600
_MAX_QUEUE_LENGTH = 1000
_MAX_BATCH_SIZE = 100
# Waited before a batch is sent: a worker of a hundred small jobs a second has better things to do than talk to Redis.
_BATCH_DELAY_SECONDS = 0.02
_TIMEOUT_SECONDS = 2.0
_FAILURE_BACKOFF_SECONDS = 2.0


def stream_key(job_id: uuid.UUID) -> str:
    return f"events:{job_id.hex}"


def publish(job_id: uuid.UUID, event: Event) -> None:
    """Costs its caller microseconds, whatever Redis does."""
    _publisher().put(job_id, event)


def publish_status_on_commit(job_id: uuid.UUID, *, state: str, attempt: int, code: str = "", message: str = "") -> None:
    """Tells of a change of state once the present transaction is committed."""
    event = status_event(job_id, state=state, attempt=attempt, code=code, message=message)
    transaction.on_commit(lambda: publish(job_id, event))


@cache
def _publisher() -> "_Publisher":
    return _Publisher()


class _Publisher:
    """One a process; its thread starts with the first event, in pre-forked processes after the fork."""

    def __init__(self) -> None:
        # Nobody waits for this thread: it may be more patient than a web request.
        timeout = _TIMEOUT_SECONDS
        # Without the client's own retries, each of which would wait as long again.
        retry = Retry(NoBackoff(), 0)
        self._redis = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry
        )
        self._queue: queue.Queue[tuple[uuid.UUID, Event]] = queue.Queue(_MAX_QUEUE_LENGTH)
        self._thread: threading.Thread | None = None
        self._paused_until = 0.0

    def put(self, job_id: uuid.UUID, event: Event) -> None:
        if time.monotonic() < self._paused_until:
            return
        try:
            self._queue.put_nowait((job_id, event))
        except queue.Full:
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="events", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            batch = [self._queue.get()]
            time.sleep(_BATCH_DELAY_SECONDS)
            while len(batch) < _MAX_BATCH_SIZE and not self._queue.empty():
                batch.append(self._queue.get())
            if time.monotonic() >= self._paused_until:
                self._send(batch)

    def _send(self, batch: list[tuple[uuid.UUID, Event]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for job_id, event in batch:
            fields = {"kind": event.kind, "data": event.data}
            pipeline.xadd(stream_key(job_id), fields, id=str(event.event_id), maxlen=MAX_STREAM_LENGTH)  # type: ignore[arg-type]
        for job_id in {job_id for job_id, _ in batch}:
            pipeline.expire(stream_key(job_id), _STREAM_TTL_SECONDS)
        try:
            # What Redis refuses came too late: something newer is in that stream.
            pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            self._paused_until = time.monotonic() + _FAILURE_BACKOFF_SECONDS
            log.warning("event_publishing_failed", count=len(batch), reason=str(error))
