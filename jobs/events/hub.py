"""Fans out events to all subscribers in this process, with one reader of Redis and one Postgres query per second."""

import asyncio
import contextvars
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from django.db import Error as AnyDatabaseError

from jobs.events.authorization import Viewer, revalidate
from jobs.events.connection_limits import ConnectionLimiter
from jobs.events.event import Event, EventId
from jobs.events.event_log import EventLogReader
from jobs.events.snapshots import JobSnapshot, read_snapshots

log = structlog.get_logger(__name__)

_READ_INTERVAL_SECONDS = 0.1
_POLL_INTERVAL_SECONDS = 1.0
# After this many polls without an event from Redis, a job's progress is taken from its row.
_MAX_POLLS_WITHOUT_EVENTS = 4
# A client that is this many events behind is disconnected. It may reconnect and have them replayed.
_MAX_QUEUE_LENGTH = 100


class Subscriber:
    """One client of the hub. `None` in its queue means that the job is deleted or that access was revoked."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(_MAX_QUEUE_LENGTH)
        self._last_event_id = EventId(0)
        self._task = asyncio.current_task()

    def push(self, event: Event) -> None:
        """Queue an event that is newer than all before. Disconnects a client that is too far behind."""
        if event.event_id <= self._last_event_id:
            return
        self._last_event_id = event.event_id
        self._put(event)

    def close(self) -> None:
        """End the stream after the events that are queued."""
        self._put(None)

    def _put(self, event: Event | None) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            log.info("slow_stream_closed")
            if self._task is not None:
                self._task.cancel()


class _Channel:
    """A job and its subscribers.

    snapshot: the row as it was polled last. cursor: the last event that was read from the job's stream in Redis.
    polls_without_events: the number of polls since that read.
    """

    def __init__(self, snapshot: JobSnapshot) -> None:
        self.snapshot, self.cursor, self.polls_without_events = snapshot, snapshot.event_id, 0
        self.subscribers: set[Subscriber] = set()

    def broadcast(self, events: Iterable[Event]) -> None:
        for event in events:
            for subscriber in tuple(self.subscribers):
                subscriber.push(event)


class Hub:
    """The subscribers of an event loop; there is one loop per process. Its tasks run while there are subscribers."""

    def __init__(self) -> None:
        self.connection_limiter = ConnectionLimiter(settings.MAX_EVENT_STREAMS)
        self._channels: dict[uuid.UUID, _Channel] = {}
        self._tasks: list[asyncio.Task[None]] = []
        # A thread of its own, since the threads of requests end with their requests.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")

    @cached_property
    def event_log(self) -> EventLogReader:
        return EventLogReader()

    def subscribe(self, snapshot: JobSnapshot, viewer: Viewer) -> Subscriber:
        """Subscribe the client of the present task to the job's future events. Earlier events have to be replayed."""
        channel = self._channels.setdefault(snapshot.id, _Channel(snapshot))
        subscriber = Subscriber(viewer)
        channel.subscribers.add(subscriber)
        if not self._tasks:
            self._tasks = [
                # In an empty context. In that of the first request, the row policy of its team would apply to all.
                asyncio.create_task(_run_periodically(work, interval_seconds), context=contextvars.Context())
                for work, interval_seconds in (
                    (self._read, _READ_INTERVAL_SECONDS),
                    (self._poll, _POLL_INTERVAL_SECONDS),
                    (self._revalidate_viewers, settings.EVENT_REAUTH_INTERVAL_SECONDS),
                )
            ]
        return subscriber

    def unsubscribe(self, snapshot: JobSnapshot, subscriber: Subscriber) -> None:
        """Remove a subscriber. Stops the tasks after the last one."""
        channel = self._channels.get(snapshot.id)
        if channel is None:
            return
        channel.subscribers.discard(subscriber)
        if not channel.subscribers:
            del self._channels[snapshot.id]
        if not self._channels:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _read(self) -> None:
        """Broadcast new events from Redis."""
        cursors = {job_id: channel.cursor for job_id, channel in self._channels.items()}
        new_events = await self.event_log.read_new(cursors)
        for job_id, events in new_events.items():
            if events and (channel := self._channels.get(job_id)):
                channel.cursor, channel.polls_without_events = max(channel.cursor, events[-1].event_id), 0
                channel.broadcast(events)

    async def _poll(self) -> None:
        """Broadcast changes in Postgres that Redis did not deliver."""
        job_ids = list(self._channels)
        try:
            snapshots = await asyncio.get_running_loop().run_in_executor(self._thread, read_snapshots, job_ids)
        except AnyDatabaseError as error:
            log.warning("event_poll_failed", reason=str(error).strip())
            return
        for job_id in job_ids:
            if channel := self._channels.get(job_id):
                self._compare(channel, snapshots.get(job_id))

    async def _revalidate_viewers(self) -> None:
        """End the streams of viewers who lost access: membership, account, key or session."""
        subscribers = [subscriber for channel in self._channels.values() for subscriber in channel.subscribers]
        viewers = {subscriber.viewer for subscriber in subscribers}
        try:
            authorized = await asyncio.get_running_loop().run_in_executor(self._thread, revalidate, viewers)
        except AnyDatabaseError as error:
            log.warning("viewer_revalidation_failed", reason=str(error).strip())
            return
        for subscriber in subscribers:
            if subscriber.viewer not in authorized:
                subscriber.close()

    def _compare(self, channel: _Channel, snapshot: JobSnapshot | None) -> None:
        """Broadcast what a new snapshot of the row shows, or close the channel of a deleted job."""
        if snapshot is None:
            for subscriber in tuple(channel.subscribers):
                subscriber.close()
            return
        # While Redis is available, it has until the next poll: it also delivers the events before this row's status.
        confirmed = channel.snapshot if self.event_log.is_available else snapshot
        channel.polls_without_events += 1
        is_stale = channel.polls_without_events > _MAX_POLLS_WITHOUT_EVENTS or not self.event_log.is_available
        channel.broadcast([confirmed.status_event(), *(confirmed.progress_events() if is_stale else ())])
        channel.snapshot = snapshot


async def _run_periodically(task: Callable[[], Awaitable[None]], interval_seconds: float) -> None:
    while True:
        try:
            await task()
        except Exception:
            log.exception("event_hub_task_failed")
        await asyncio.sleep(interval_seconds)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def current_hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
