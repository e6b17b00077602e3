"""Reads events from Redis. A failed read is treated as an absence of events, since Postgres has the essential ones."""

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

from common.circuit_breaker import CircuitBreaker
from common.redis_client import redis_client, try_redis
from jobs.events.event import Event, EventId
from jobs.events.publisher import MAX_STREAM_LENGTH, stream_key

log = structlog.get_logger(__name__)

_KINDS = frozenset({"status", "progress", "preview"})
_TIMEOUT_SECONDS = 2.0
# One connection for new events, the others to replay events to new subscribers.
_MAX_CONNECTIONS = 4
# Per job and read. It is less than a subscriber's queue holds.
_MAX_EVENTS_PER_STREAM = 50
_MAX_STREAMS_PER_READ = 500


class EventLogReader:
    """Reads the streams of all jobs that a process follows, over a few connections to Redis."""

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
        self._breaker = CircuitBreaker()

    @property
    def is_available(self) -> bool:
        """Whether Redis responded to the last command."""
        return not self._breaker.is_open

    async def read_after(self, job_id: uuid.UUID, event_id: EventId) -> list[Event] | None:
        """Return the events in a job's stream after a position, or None while Redis is unavailable."""
        entries = await self._execute(
            self._redis.xrange(stream_key(job_id), min=f"({event_id}", count=MAX_STREAM_LENGTH * 2)
        )
        return None if entries is None else _parse_entries(entries)

    async def read_new(self, since: Mapping[uuid.UUID, EventId]) -> dict[uuid.UUID, list[Event]]:
        """Return the new events of each job since its position."""
        new_events: dict[uuid.UUID, list[Event]] = {}
        job_ids = {stream_key(job_id).encode(): job_id for job_id in since}
        keys = list(job_ids)
        for start in range(0, len(keys), _MAX_STREAMS_PER_READ):
            streams = {key: str(since[job_ids[key]]) for key in keys[start : start + _MAX_STREAMS_PER_READ]}
            reply = await self._execute(self._redis.xread(streams, count=_MAX_EVENTS_PER_STREAM))  # type: ignore[arg-type]
            for key, entries in _stream_entries(reply):
                new_events[job_ids[key]] = _parse_entries(entries)
        return new_events

    async def close(self) -> None:
        await self._redis.aclose()

    async def _execute(self, command: Any) -> Any:
        """Return the reply, or None while Redis is unavailable."""
        if not self.is_available:
            command.close()
            return None
        try:
            return await command
        except (redis.RedisError, OSError) as error:
            self._breaker.open()
            log.warning("event_log_read_failed", reason=str(error))
            return None


def read_events_after(job_id: uuid.UUID, event_id: EventId) -> list[Event] | None:
    """Do the same as `EventLogReader.read_after`, for processes without an event loop."""
    entries = try_redis("event_log_read_failed", lambda: redis_client().xrange(stream_key(job_id), min=f"({event_id}"))
    return None if entries is None else _parse_entries(entries)


def _stream_entries(reply: Any) -> list[tuple[bytes, Any]]:
    """Return the entries by stream from a reply to XREAD: a list in RESP2, a map of lists of lists in RESP3."""
    if not reply:
        return []
    if isinstance(reply, dict):
        return [(key, entries[0]) for key, entries in reply.items()]
    return [(key, entries) for key, entries in reply]


def _parse_entries(entries: Sequence[Any]) -> list[Event]:
    """Return the valid events among the entries of a stream."""
    events = []
    for identifier, fields in entries:
        event_id = EventId.parse(identifier.decode())
        kind, data = (fields.get(name, b"").decode("utf-8", "replace") for name in (b"kind", b"data"))
        # An attacker who can write to Redis must not be able to inject lines into the event stream of a client.
        if event_id is not None and kind in _KINDS and data.isprintable():
            events.append(Event(event_id, kind, data))
    return events
