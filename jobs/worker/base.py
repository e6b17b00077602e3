"""A worker that RQ rings and Postgres feeds.

What RQ gives us is its queues as doorbells, and its registry, so that `rq info` shows our workers. What is on the
queues is never looked into: no function name and no pickle from Redis is ever resolved, so a forged entry rings
the bell and does nothing else. Losing Redis costs a poll a second, never a job and never a loaded model.
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

# With a dead bell this is how often Postgres is asked.
POLL_INTERVAL_SECONDS = 1
_REDIS_TIMEOUT_SECONDS = 3


class BaseWorker(SimpleWorker):  # type: ignore[misc]
    """Base of our worker processes: a place in RQ's registry, a bell to wait for, and a flag that says stop."""

    def __init__(self, queue: str) -> None:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_REDIS_TIMEOUT_SECONDS, socket_connect_timeout=_REDIS_TIMEOUT_SECONDS
        )
        name = f"{socket.gethostname()}.{os.getpid()}.{os.urandom(3).hex()}"
        # Without `prepare_for_work` the constructor does not talk to Redis, which may be down.
        super().__init__([Queue(queue, connection=client)], name=name, connection=client, prepare_for_work=False)
        self.hostname, self.pid, self.ip_address = socket.gethostname(), os.getpid(), ""
        self.stop_requested = False
        self._redis_is_available = True

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        """Keeps our timeouts: RQ would raise them to minutes, and a frozen Redis would hold the leases' beat up."""
        return connection

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM and Ctrl-C: only a flag. RQ's own handler talks to Redis and can lose the job in hand with it."""
        self.stop_requested = True

    def wait_for_wakeup(self, timeout_seconds: int = POLL_INTERVAL_SECONDS) -> bool:
        """Returns True when it rang; False after the timeout, or when Redis does not answer."""
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
        """Forgets what rang so far; look for work once more afterwards."""
        try:
            self.connection.delete(self.queues[0].key)
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))

    def register(self) -> None:
        """Keeps the worker in RQ's registry, also after Redis lost its data."""
        try:
            if self.connection.exists(self.key):
                self.heartbeat(timeout=int(settings.HEARTBEAT_INTERVAL_SECONDS * 4))
            else:
                self.register_birth()
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))

    def unregister(self) -> None:
        try:
            self.register_death()
        except redis.RedisError as error:
            self._log_redis_state(available=False, reason=str(error))

    def _log_redis_state(self, *, available: bool, reason: str = "") -> None:
        """Logs changes only: a Redis that is away for an hour is one line, not 3,600."""
        if available != self._redis_is_available:
            self._redis_is_available = available
            if available:
                log.info("redis_recovered")
            else:
                log.warning("redis_lost", reason=reason, consequence="polling Postgres every second")
