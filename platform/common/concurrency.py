"""Limits on concurrent slow work in web processes: one limit per process, and one per team over all processes.

A process that handles one request at a time is full with one such request. The team's limit is therefore counted over
all processes, in Redis. If Redis is unreachable, only the limit of each process applies: an outage of the counter
should not be an outage of the product.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import LimitExceeded, Overloaded
from common.messages import Message
from common.redis_client import redis_client, try_redis

_RETRY_AFTER_SECONDS = 2
_POLL_INTERVAL_SECONDS = 0.05
# Each slot is an entry that expires by itself, on the server's clock: its process may die.
_ACQUIRE_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class ConcurrencyLimitExceeded(LimitExceeded):
    """The team runs as many of these tasks as it may at once."""

    default_code = "too_many_at_once"


class ConcurrencyLimiter:
    """Limits one kind of work. `work` names it in error messages, such as `Message("images being fetched")`."""

    def __init__(self, name: str, *, work: Message, process_limit: int) -> None:
        self._name, self._work = name, work
        self._semaphore = threading.BoundedSemaphore(process_limit)

    @contextmanager
    def acquire(
        self, *, team_id: int, team_limit: int, expires_after_seconds: int, wait_seconds: float = 0
    ) -> Iterator[None]:
        """Hold a slot while the block runs.

        team_limit: the team's limit over all processes. expires_after_seconds: the longest time the work may take.
        wait_seconds: how long to wait for a slot of the team, and then for one of this process.
        Raises Overloaded if this process is at its limit, ConcurrencyLimitExceeded if the team is.
        """
        # The team's slot first: a team that waits for its own must not keep others from this process.
        with self._acquire_team_slot(team_id, team_limit, expires_after_seconds, wait_seconds):
            if not self._semaphore.acquire(timeout=wait_seconds):
                raise Overloaded("There are too many %(work)s at once. Try again in a moment.", {"work": self._work})
            try:
                yield
            finally:
                self._semaphore.release()

    @contextmanager
    def _acquire_team_slot(
        self, team_id: int, team_limit: int, expires_after_seconds: int, wait_seconds: float
    ) -> Iterator[None]:
        key, slot_id = f"slots:{self._name}:{team_id}", uuid.uuid4().hex
        deadline = time.monotonic() + wait_seconds
        while not self._is_within_limit(key, slot_id, team_limit, expires_after_seconds):
            if time.monotonic() < deadline:
                time.sleep(_POLL_INTERVAL_SECONDS)
                continue
            raise ConcurrencyLimitExceeded(
                "Your team already has %(limit)s %(work)s, the maximum at a time. Try again in a moment.",
                {"limit": team_limit, "work": self._work},
                extra={"scope": "team", "limit": team_limit, "remaining": 0, "reset": _RETRY_AFTER_SECONDS},
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        try:
            yield
        finally:
            # If this fails, the entry expires by itself.
            try_redis("concurrency_slot_not_released", lambda: redis_client().zrem(key, slot_id), work=self._name)

    def _is_within_limit(self, key: str, slot_id: str, team_limit: int, expires_after_seconds: int) -> bool:
        """Take a slot of the team in Redis. Return whether the work may start: there was one, or Redis is away."""
        arguments = (key, str(team_limit), str(expires_after_seconds), slot_id)
        acquired = try_redis(
            "concurrency_limit_skipped", lambda: redis_client().eval(_ACQUIRE_SCRIPT, 1, *arguments), work=self._name
        )
        return acquired is None or bool(acquired)
