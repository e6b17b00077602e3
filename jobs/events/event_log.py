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

from common.redis_client import redis_client
from jobs.events.event import Event, EventId
from jobs.events.publisher import MAX_STREAM_LENGTH, stream_key

log = structlog.get_logger(__name__)

_KINDS = frozenset({"status", "progress", "preview"})
_TIMEOUT_SECONDS = 2.0
# One for the news, the others for what newcomers have missed.
_MAX_CONNECTIONS = 4
_FAILURE_BACKOFF_SECONDS = 2.0
# Of one job at a time; less than a follower's queue holds.
_MAX_EVENTS_PER_STREAM = 50
_MAX_STREAMS_PER_READ = 500


class EventLogReader:
    """The few connections to Redis by which a process follows all its jobs."""

    def __init__(self) -> None:
        pool = BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=_MAX_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0),
        )
        self._redis: AsyncRedis = AsyncRedis(connection_pool=pool)
        self._paused_until = 0.0

    @property
    def is_available(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return time.monotonic() >= self._paused_until

    async def read_after(self, job_id: uuid.UUID, event_id: EventId) -> list[Event] | None:
        """What a job's stream holds after a position; None while Redis is away."""
        found = await self._execute(
            self._redis.xrange(stream_key(job_id), min=f"({event_id}", count=MAX_STREAM_LENGTH * 2)
        )
        return None if found is None else _parse_entries(found)

    async def read_new(self, since: Mapping[uuid.UUID, EventId]) -> dict[uuid.UUID, list[Event]]:
        """What has come to so many jobs since."""
        read_new: dict[uuid.UUID, list[Event]] = {}
        ids = {stream_key(job_id).encode(): job_id for job_id in since}
        keys = list(ids)
        for start in range(0, len(keys), _MAX_STREAMS_PER_READ):
            part = {key: str(since[ids[key]]) for key in keys[start : start + _MAX_STREAMS_PER_READ]}
            found = await self._execute(self._redis.xread(part, count=_MAX_EVENTS_PER_STREAM))  # type: ignore[arg-type]
            for key, entries in _stream_entries(found):
                read_new[ids[key]] = _parse_entries(entries)
        return read_new

    async def close(self) -> None:
        await self._redis.aclose()

    async def _execute(self, command: Any) -> Any:
        """The answer; None while Redis is away."""
        if not self.is_available:
            command.close()
            return None
        try:
            return await command
        except (redis.RedisError, OSError) as error:
            self._paused_until = time.monotonic() + _FAILURE_BACKOFF_SECONDS
            log.warning("event_log_read_failed", reason=str(error))
            return None


def read_events_after(job_id: uuid.UUID, event_id: EventId) -> list[Event] | None:
    """The same for a process that answers at once."""
    try:
        return _parse_entries(redis_client().xrange(stream_key(job_id), min=f"({event_id}") or ())
    except redis.RedisError as error:
        log.warning("event_log_read_failed", reason=str(error))
        return None


def _stream_entries(reply: Any) -> list[tuple[bytes, Any]]:
    """XREAD's answer: a list in the protocol's second version, a map of lists of lists in its third."""
    if not reply:
        return []
    if isinstance(reply, dict):
        return [(key, entries[0]) for key, entries in reply.items()]
    return [(key, entries) for key, entries in reply]


def _parse_entries(entries: Sequence[Any]) -> list[Event]:
    """Those among a stream's entries that are ours."""
    events = []
    for identifier, fields in entries:
        event_id = EventId.parse(identifier.decode())
        kind, data = (fields.get(name, b"").decode("utf-8", "replace") for name in (b"kind", b"data"))
        # Whoever may write to Redis shall not write headers or other events of ours.
        if event_id is not None and kind in _KINDS and data.isprintable():
            events.append(Event(event_id, kind, data))
    return events
