"""A worker that is woken up by RQ and gets its work from PostgreSQL.

RQ's queues carry wake-ups, and its registry makes our workers visible in the administration. Without Redis, workers
poll PostgreSQL; no job and no loaded model is lost.
"""

import os
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

import redis
import structlog
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.utils import as_text

from common.circuit_breaker import CircuitBreaker

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

# How often PostgreSQL is polled while no wake-ups arrive.
POLL_INTERVAL_SECONDS = 1
_HEARTBEAT_MARGIN_SECONDS = 60
_REGISTRATION_INTERVAL_SECONDS = 1


class BaseWorker(SimpleWorker):  # type: ignore[misc]
    """Base class of our workers: an entry in RQ's registry, queues, and a flag that requests a stop.

    `django_rq.get_worker` creates them.
    """

    def __init__(self, queues: list[Queue], **options: Any) -> None:
        name = f"{socket.gethostname()}.{os.getpid()}.{os.urandom(3).hex()}"
        # With `prepare_for_work` the constructor would connect to Redis, which may be unreachable.
        super().__init__(queues, name=name, prepare_for_work=False, **options)
        self.hostname, self.pid, self.ip_address = socket.gethostname(), os.getpid(), ""
        self.stop_requested = False
        self.redis_is_available = True
        self._registered_at = -float("inf")
        # Its own: the timeout of a worker is longer than that of `redis_client`.
        self._redis_breaker = CircuitBreaker()

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        """Keep our timeouts. RQ would raise them to minutes, and a frozen Redis would delay the renewal of leases."""
        return connection

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM and Ctrl-C: set a flag only. RQ's own handler uses Redis and can lose the running job."""
        self.stop_requested = True

    def pop_entry(self, timeout_seconds: int = POLL_INTERVAL_SECONDS) -> tuple[str, bytes] | None:
        """Return the next entry with the key of its queue. None after the timeout or if Redis does not respond."""
        keys = [queue.key for queue in self._ordered_queues]
        started_at = time.monotonic()
        try:
            found = self.ask_redis(lambda: Queue.lpop(keys, timeout_seconds or None, connection=self.connection))
        except DequeueTimeout:
            return None
        else:
            return None if found is None else (as_text(found[0]), found[1])
        finally:
            if not self.redis_is_available:
                time.sleep(max(0.0, started_at + timeout_seconds - time.monotonic()))

    def wait_for_wakeup(self, timeout_seconds: int = POLL_INTERVAL_SECONDS) -> bool:
        """Return True after a wake-up, False after the timeout or if Redis does not respond.

        The content of the entry is never read: a forged one wakes the worker up and does nothing else.
        """
        return self.pop_entry(timeout_seconds) is not None

    def clear_wakeups(self) -> None:
        """Drop the pending wake-ups. The caller has to look for work once more afterwards."""
        self.ask_redis(lambda: self.connection.delete(*self.queue_keys()))

    @property
    def registration_ttl_seconds(self) -> int:
        """How long a heartbeat is valid. During a long task they are sent at `job_monitoring_interval`."""
        return int(self.job_monitoring_interval) + _HEARTBEAT_MARGIN_SECONDS

    def register(self) -> None:
        """Keep the worker in RQ's registry, even after Redis has lost its data."""
        self._registered_at = time.monotonic()
        self.ask_redis(self._register)

    def register_if_due(self) -> None:
        """Do the same, at most once a second: a worker with many short tasks has no time for a command before each."""
        if time.monotonic() - self._registered_at >= _REGISTRATION_INTERVAL_SECONDS:
            self.register()

    def _register(self) -> None:
        if self.connection.hexists(self.key, "birth"):
            self.heartbeat(timeout=self.registration_ttl_seconds)
        else:
            # RQ writes states of a worker that is not registered, too, and would take it for another worker.
            self.connection.delete(self.key)
            self.register_birth()

    def unregister(self) -> None:
        """Remove the worker from RQ's registry."""
        self.ask_redis(self.register_death)

    def ask_redis(self, command: Callable[[], Result]) -> Result | None:
        """Run a command. Return None if Redis does not respond, or did not a moment ago."""
        if self._redis_breaker.is_open:
            return None
        try:
            result = command()
        except redis.RedisError as error:
            self.note_redis_lost(error)
            return None
        except DequeueTimeout:
            self._note_redis_available()
            raise
        self._note_redis_available()
        return result

    def note_redis_lost(self, error: redis.RedisError) -> None:
        """Use no Redis for a moment. Log changes only: an outage of an hour is one line, not 3,600."""
        self._redis_breaker.open()
        if self.redis_is_available:
            self.redis_is_available = False
            log.warning("redis_lost", reason=str(error), consequence="polling Postgres every second")

    def _note_redis_available(self) -> None:
        if not self.redis_is_available:
            self.redis_is_available = True
            log.info("redis_recovered")
