"""Reads events back from Redis. What cannot be read is not there: Postgres has what matters."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from common.short_redis import short_redis
from jobs.live.events import Event, Position
from jobs.live.publish import STREAM_LENGTH, stream_key

log = structlog.get_logger(__name__)

_KINDS = frozenset({"status", "progress", "preview"})
_TIMEOUT_SECONDS = 2.0
# One for the news, the others for what newcomers have missed.
_CONNECTIONS = 4
_QUIET_AFTER_FAILURE_SECONDS = 2.0
# Of one job at a time; less than a follower's queue holds.
_MOST_AT_ONCE = 50
_STREAMS_AT_ONCE = 500


class Recorded:
    """The few connections to Redis by which a process follows all its jobs."""

    def __init__(self) -> None:
        pool = BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0),
        )
        self._redis: AsyncRedis = AsyncRedis(connection_pool=pool)
        self._quiet_until = 0.0

    @property
    def is_well(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return time.monotonic() >= self._quiet_until

    async def after(self, job_id: uuid.UUID, position: Position) -> list[Event] | None:
        """What a job's stream holds after a position; None while Redis is away."""
        found = await self._ask(self._redis.xrange(stream_key(job_id), min=f"({position}", count=STREAM_LENGTH * 2))
        return None if found is None else _events(found)

    async def news(self, since: Mapping[uuid.UUID, Position]) -> dict[uuid.UUID, list[Event]]:
        """What has come to so many jobs since."""
        news: dict[uuid.UUID, list[Event]] = {}
        ids = {stream_key(job_id).encode(): job_id for job_id in since}
        keys = list(ids)
        for start in range(0, len(keys), _STREAMS_AT_ONCE):
            part = {key: str(since[ids[key]]) for key in keys[start : start + _STREAMS_AT_ONCE]}
            for key, entries in _pairs(await self._ask(self._redis.xread(part, count=_MOST_AT_ONCE))):  # type: ignore[arg-type]
                news[ids[key]] = _events(entries)
        return news

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, question: Any) -> Any:
        """The answer; None while Redis is away."""
        if not self.is_well:
            question.close()
            return None
        try:
            return await question
        except (redis.RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + _QUIET_AFTER_FAILURE_SECONDS
            log.warning("events_not_read", reason=str(error))
            return None


def recorded_after(job_id: uuid.UUID, position: Position) -> list[Event] | None:
    """The same for a process that answers at once."""
    try:
        return _events(short_redis().xrange(stream_key(job_id), min=f"({position}") or ())
    except redis.RedisError as error:
        log.warning("events_not_read", reason=str(error))
        return None


def _pairs(answer: Any) -> list[tuple[bytes, Any]]:
    """XREAD's answer: a list in the protocol's second version, a map of lists of lists in its third."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [(key, entries[0]) for key, entries in answer.items()]
    return [(key, entries) for key, entries in answer]


def _events(entries: Sequence[Any]) -> list[Event]:
    """Those among a stream's entries that are ours."""
    events = []
    for identifier, fields in entries:
        position = Position.parse(identifier.decode())
        kind, data = (fields.get(name, b"").decode("utf-8", "replace") for name in (b"kind", b"data"))
        # Whoever may write to Redis shall not write headers or other events of ours.
        if position is not None and kind in _KINDS and data.isprintable():
            events.append(Event(position, kind, data))
    return events
