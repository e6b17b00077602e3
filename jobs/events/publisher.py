"""Publishes events to Redis, in one short-lived stream per job.

Publishing never blocks and never fails: a thread sends the events from a bounded queue. While Redis is unavailable,
events are dropped, and subscribers get the status and progress of their jobs from Postgres.
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

from common.circuit_breaker import CircuitBreaker
from jobs.events.event import Event, status_event

log = structlog.get_logger(__name__)

# About one minute of a running job with its previews. Clients that were disconnected for longer do not need them.
MAX_STREAM_LENGTH = 256
_STREAM_TTL_SECONDS = 600
_MAX_QUEUE_LENGTH = 1000
_MAX_BATCH_SIZE = 100
# Delay before a batch is sent, so that a worker with a hundred small jobs per second sends few batches.
_BATCH_DELAY_SECONDS = 0.02
_TIMEOUT_SECONDS = 2.0


def stream_key(job_id: uuid.UUID) -> str:
    return f"events:{job_id.hex}"


def publish(job_id: uuid.UUID, event: Event) -> None:
    """Queue an event for publication. This takes microseconds, whatever the state of Redis."""
    _publisher().put(job_id, event)


def publish_status_on_commit(job_id: uuid.UUID, *, state: str, attempt: int, code: str = "", message: str = "") -> None:
    """Publish a new state once the present transaction is committed."""
    event = status_event(job_id, state=state, attempt=attempt, code=code, message=message)
    transaction.on_commit(lambda: publish(job_id, event))


@cache
def _publisher() -> "_Publisher":
    return _Publisher()


class _Publisher:
    """The publisher of a process. Its thread starts with the first event: in pre-forked servers, after the fork."""

    def __init__(self) -> None:
        # No request waits for this thread, so its timeout may be longer than that of a web request. The client's own
        # retries are off, since each of them would wait for as long again.
        self._redis = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._queue: queue.Queue[tuple[uuid.UUID, Event]] = queue.Queue(_MAX_QUEUE_LENGTH)
        self._thread: threading.Thread | None = None
        self._breaker = CircuitBreaker()

    def put(self, job_id: uuid.UUID, event: Event) -> None:
        if self._breaker.is_open:
            return
        try:
            self._queue.put_nowait((job_id, event))
        except queue.Full:
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._send_batches, name="events", daemon=True)
            self._thread.start()

    def _send_batches(self) -> None:
        while True:
            batch = [self._queue.get()]
            time.sleep(_BATCH_DELAY_SECONDS)
            while len(batch) < _MAX_BATCH_SIZE and not self._queue.empty():
                batch.append(self._queue.get())
            if not self._breaker.is_open:
                self._send(batch)

    def _send(self, batch: list[tuple[uuid.UUID, Event]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for job_id, event in batch:
            fields = {"kind": event.kind, "data": event.data}
            pipeline.xadd(stream_key(job_id), fields, id=str(event.event_id), maxlen=MAX_STREAM_LENGTH)  # type: ignore[arg-type]
        for job_id in {job_id for job_id, _ in batch}:
            pipeline.expire(stream_key(job_id), _STREAM_TTL_SECONDS)
        try:
            # An event that Redis rejects is late: the stream has a newer one. Such replies are ignored.
            pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            self._breaker.open()
            log.warning("event_publishing_failed", count=len(batch), reason=str(error))
