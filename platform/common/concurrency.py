"""Places for slow work in web processes: few in each process, and of all of them only a share for one team.

A process that answers one call at a time is full with one such call, so a team's share is counted in all processes
together, in Redis. When Redis is away only the bound of each process holds: an outage of the counter should not be an
outage of the product.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
import structlog

from common.errors import LimitExceeded, Overloaded
from common.redis_client import redis_client

log = structlog.get_logger(__name__)

_RETRY_AFTER_SECONDS = 2
# Each taken place is an entry that runs out by itself, on the server's clock: its process may die.
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
    """The team's share is taken; a place is free again in a moment."""

    default_code = "too_many_at_once"


class ConcurrencyLimiter:
    """Places for one kind of work. `work` says in refusals what is too much, such as "pictures to be fetched"."""

    def __init__(self, name: str, *, work: str, process_limit: int) -> None:
        self._name, self._work = name, work
        self._semaphore = threading.BoundedSemaphore(process_limit)

    @contextmanager
    def acquire(self, *, team_id: int, team_limit: int, seconds: int) -> Iterator[None]:
        """Holds a place meanwhile. share: the team's, in all processes. seconds: the longest that the work may take.

        Raises Overloaded where this process is full, TooManyAtOnce where the team's share is.
        """
        if not self._semaphore.acquire(blocking=False):
            message = f"There are too many {self._work} at once. Try again in a moment."
            raise Overloaded(message)
        try:
            with self._acquire_team_slot(team_id, team_limit, seconds):
                yield
        finally:
            self._semaphore.release()

    @contextmanager
    def _acquire_team_slot(self, team_id: int, team_limit: int, seconds: int) -> Iterator[None]:
        key, slot_id = f"slots:{self._name}:{team_id}", uuid.uuid4().hex
        try:
            taken = redis_client().eval(_ACQUIRE_SCRIPT, 1, key, str(team_limit), str(seconds), slot_id)
        except redis.RedisError as error:
            log.warning("concurrency_limit_skipped", work=self._name, reason=str(error))
            taken = True
        if not taken:
            raise ConcurrencyLimitExceeded(
                f"Your team has {team_limit} {self._work} already, as many as it may at once. Try again in a moment.",
                extra={"scope": "team", "limit": team_limit, "remaining": 0, "reset": _RETRY_AFTER_SECONDS},
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        try:
            yield
        finally:
            with suppress(redis.RedisError):  # then it runs out
                redis_client().zrem(key, slot_id)
