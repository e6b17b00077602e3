"""A worker that is woken up by RQ and gets its work from Postgres.

RQ's queues carry wake-ups, and its registry makes our workers visible in `rq info`. The content of the entries is never
read: no function name and no pickle from Redis is resolved, so a forged entry wakes a worker up and does nothing else.
Without Redis, workers poll Postgres once a second; no job and no loaded model is lost.
"""

import os
import socket
import time
from types import FrameType

import redis
import structlog
from django.conf import settings
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout

log = structlog.get_logger(__name__)

# How often Postgres is polled while no wake-ups arrive.
POLL_INTERVAL_SECONDS = 1
_REDIS_TIMEOUT_SECONDS = 3


class BaseWorker(SimpleWorker):  # type: ignore[misc]
    """Base class of our workers: an entry in RQ's registry, a queue of wake-ups, and a flag that requests a stop."""

    def __init__(self, queue: str) -> None:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_REDIS_TIMEOUT_SECONDS, socket_connect_timeout=_REDIS_TIMEOUT_SECONDS
        )
        name = f"{socket.gethostname()}.{os.getpid()}.{os.urandom(3).hex()}"
        # With `prepare_for_work` the constructor would connect to Redis, which may be unreachable.
        super().__init__([Queue(queue, connection=client)], name=name, connection=client, prepare_for_work=False)
        self.hostname, self.pid, self.ip_address = socket.gethostname(), os.getpid(), ""
        self.stop_requested = False
        self._redis_is_available = True

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        """Keep our timeouts. RQ would raise them to minutes, and a frozen Redis would delay the renewal of leases."""
        return connection

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM and Ctrl-C: set a flag only. RQ's own handler uses Redis and can lose the running job."""
        self.stop_requested = True

    def wait_for_wakeup(self, timeout_seconds: int = POLL_INTERVAL_SECONDS) -> bool:
        """Return True after a wake-up, False after the timeout or if Redis does not respond."""
        try:
            Queue.lpop([self.queues[0].key], timeout_seconds, connection=self.connection)
        except DequeueTimeout:
            self._log_redis_state(available=True)
            return False
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))
            time.sleep(timeout_seconds)
            return False
        self._log_redis_state(available=True)
        return True

    def clear_wakeups(self) -> None:
        """Drop the pending wake-ups. The caller has to look for work once more afterwards."""
        try:
            self.connection.delete(self.queues[0].key)
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))

    def register(self) -> None:
        """Keep the worker in RQ's registry, even after Redis has lost its data."""
        try:
            if self.connection.exists(self.key):
                self.heartbeat(timeout=int(settings.HEARTBEAT_INTERVAL_SECONDS * 4))
            else:
                self.register_birth()
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))

    def unregister(self) -> None:
        """Remove the worker from RQ's registry."""
        try:
            self.register_death()
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))

    def _log_redis_state(self, *, available: bool, reason: str = "") -> None:
        """Log changes only: an outage of an hour is one line, not 3,600."""
        if available != self._redis_is_available:
            self._redis_is_available = available
            if available:
                log.info("redis_recovered")
            else:
                log.warning("redis_lost", reason=reason, consequence="polling Postgres every second")
