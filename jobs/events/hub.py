"""Follows all jobs that anybody in this process follows: by one reader of Redis and one query of Postgres a second."""

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
# A job of which Redis brought nothing for so many polls: its progress is taken from its row.
_MAX_POLLS_WITHOUT_EVENTS = 4
# A client that is so many events behind is let go; it may come back and have them replayed.
_MAX_QUEUE_LENGTH = 100


class Subscriber:
    """One client's place in the fan-out. `None` in its queue: the job is gone, or may not be seen any more."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(_MAX_QUEUE_LENGTH)
        self._last_event_id = EventId(0)
        self._task = asyncio.current_task()

    def push(self, event: Event) -> None:
        """Queues what is newer than all before; ends the stream of a client that does not keep up."""
        if event.event_id <= self._last_event_id:
            return
        self._last_event_id = event.event_id
        self._put(event)

    def close(self) -> None:
        self._put(None)

    def _put(self, event: Event | None) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            log.info("slow_stream_closed")
            if self._task is not None:
                self._task.cancel()


class _Channel:
    """A job and those who follow it.

    row: as it was polled last. cursor: how far its stream in Redis is read. silent_polls: since Redis brought anything.
    """

    def __init__(self, snapshot: JobSnapshot) -> None:
        self.snapshot, self.cursor, self.polls_without_events = snapshot, snapshot.event_id, 0
        self.subscribers: set[Subscriber] = set()

    def broadcast(self, events: Iterable[Event]) -> None:
        for event in events:
            for subscriber in tuple(self.subscribers):
                subscriber.push(event)


class Hub:
    """One for each event loop, which is one a process. Its tasks run while anybody follows anything."""

    def __init__(self) -> None:
        self.connection_limiter = ConnectionLimiter(settings.MAX_EVENT_STREAMS)
        self._channels: dict[uuid.UUID, _Channel] = {}
        self._tasks: list[asyncio.Task[None]] = []
        # A thread of its own: the threads of requests come and go with them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")

    @cached_property
    def event_log(self) -> EventLogReader:
        return EventLogReader()

    def subscribe(self, snapshot: JobSnapshot, viewer: Viewer) -> Subscriber:
        """From now on the present task's client hears of the job; what was before has to be asked for."""
        channel = self._channels.setdefault(snapshot.id, _Channel(snapshot))
        subscriber = Subscriber(viewer)
        channel.subscribers.add(subscriber)
        if not self._tasks:
            self._tasks = [
                # Not in the context of the request that happens to come first: its team's wall would stand for all.
                asyncio.create_task(_run_periodically(work, interval_seconds), context=contextvars.Context())
                for work, interval_seconds in (
                    (self._read, _READ_INTERVAL_SECONDS),
                    (self._poll, _POLL_INTERVAL_SECONDS),
                    (self._revalidate_viewers, settings.EVENT_REAUTH_INTERVAL_SECONDS),
                )
            ]
        return subscriber

    def unsubscribe(self, snapshot: JobSnapshot, subscriber: Subscriber) -> None:
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
        """Hands on what comes by Redis."""
        read_new = await self.event_log.read_new({job_id: channel.cursor for job_id, channel in self._channels.items()})
        for job_id, events in read_new.items():
            if events and (channel := self._channels.get(job_id)):
                channel.cursor, channel.polls_without_events = max(channel.cursor, events[-1].event_id), 0
                channel.broadcast(events)

    async def _poll(self) -> None:
        """Fills in what Redis did not bring."""
        asked = list(self._channels)
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self._thread, read_snapshots, asked)
        except AnyDatabaseError as error:
            log.warning("event_poll_failed", reason=str(error).strip())
            return
        for job_id in asked:
            if channel := self._channels.get(job_id):
                self._compare(channel, rows.get(job_id))

    async def _revalidate_viewers(self) -> None:
        """Ends the streams of those whose key was revoked meanwhile, or who are no members any more."""
        subscribers = [subscriber for channel in self._channels.values() for subscriber in channel.subscribers]
        asked = {subscriber.viewer for subscriber in subscribers}
        try:
            authorized = await asyncio.get_running_loop().run_in_executor(self._thread, revalidate, asked)
        except AnyDatabaseError as error:
            log.warning("viewer_revalidation_failed", reason=str(error).strip())
            return
        for subscriber in subscribers:
            if subscriber.viewer not in authorized:
                subscriber.close()

    def _compare(self, channel: _Channel, snapshot: JobSnapshot | None) -> None:
        if snapshot is None:
            for subscriber in tuple(channel.subscribers):
                subscriber.close()
            return
        # Redis, where it is well, is given until the next poll: it also brings what was before the row's news.
        known = channel.snapshot if self.event_log.is_available else snapshot
        channel.polls_without_events += 1
        is_stale = channel.polls_without_events > _MAX_POLLS_WITHOUT_EVENTS or not self.event_log.is_available
        channel.broadcast([known.status(), *(known.progress() if is_stale else ())])
        channel.snapshot = snapshot


async def _run_periodically(work: Callable[[], Awaitable[None]], interval_seconds: float) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("event_hub_task_failed")
        await asyncio.sleep(interval_seconds)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def current_hub() -> Hub:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
