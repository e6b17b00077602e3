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

from jobs.live.events import Event, Position
from jobs.live.recorded import Recorded
from jobs.live.rows import Row, read_rows
from jobs.live.seats import Seats
from jobs.live.viewers import Viewer, still_welcome

log = structlog.get_logger(__name__)

_READ_SECONDS = 0.1
_POLL_SECONDS = 1.0
# A job of which Redis brought nothing for so many polls: its progress is taken from its row.
_SILENT_POLLS = 4
# A client that is so many events behind is let go; it may come back and have them replayed.
_QUEUE_LENGTH = 100


class Follower:
    """One client's place in the fan-out. `None` in its queue: the job is gone, or may not be seen any more."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue(_QUEUE_LENGTH)
        self._offered = Position(0)
        self._task = asyncio.current_task()

    def offer(self, event: Event) -> None:
        """Queues what is newer than all before; ends the stream of a client that does not keep up."""
        if event.position <= self._offered:
            return
        self._offered = event.position
        self._put(event)

    def end(self) -> None:
        self._put(None)

    def _put(self, event: Event | None) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            log.info("stream_too_slow")
            if self._task is not None:
                self._task.cancel()


class _Channel:
    """A job and those who follow it.

    row: as it was polled last. cursor: how far its stream in Redis is read. silent_polls: since Redis brought anything.
    """

    def __init__(self, row: Row) -> None:
        self.row, self.cursor, self.silent_polls = row, row.position, 0
        self.followers: set[Follower] = set()

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for follower in tuple(self.followers):
                follower.offer(event)


class Hub:
    """One for each event loop, which is one a process. Its tasks run while anybody follows anything."""

    def __init__(self) -> None:
        self.seats = Seats(settings.EVENT_STREAMS)
        self._channels: dict[uuid.UUID, _Channel] = {}
        self._tasks: list[asyncio.Task[None]] = []
        # A thread of its own: the threads of requests come and go with them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")

    @cached_property
    def recorded(self) -> Recorded:
        return Recorded()

    def join(self, row: Row, viewer: Viewer) -> Follower:
        """From now on the present task's client hears of the job; what was before has to be asked for."""
        channel = self._channels.setdefault(row.id, _Channel(row))
        follower = Follower(viewer)
        channel.followers.add(follower)
        if not self._tasks:
            self._tasks = [
                # Not in the context of the request that happens to come first: its team's wall would stand for all.
                asyncio.create_task(_again_and_again(work, pause), context=contextvars.Context())
                for work, pause in (
                    (self._read, _READ_SECONDS),
                    (self._poll, _POLL_SECONDS),
                    (self._recheck, settings.EVENT_RECHECK_SECONDS),
                )
            ]
        return follower

    def leave(self, row: Row, follower: Follower) -> None:
        channel = self._channels.get(row.id)
        if channel is None:
            return
        channel.followers.discard(follower)
        if not channel.followers:
            del self._channels[row.id]
        if not self._channels:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _read(self) -> None:
        """Hands on what comes by Redis."""
        news = await self.recorded.news({job_id: channel.cursor for job_id, channel in self._channels.items()})
        for job_id, events in news.items():
            if events and (channel := self._channels.get(job_id)):
                channel.cursor, channel.silent_polls = max(channel.cursor, events[-1].position), 0
                channel.tell(events)

    async def _poll(self) -> None:
        """Fills in what Redis did not bring."""
        asked = list(self._channels)
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self._thread, read_rows, asked)
        except AnyDatabaseError as error:
            log.warning("events_not_polled", reason=str(error).strip())
            return
        for job_id in asked:
            if channel := self._channels.get(job_id):
                self._compare(channel, rows.get(job_id))

    async def _recheck(self) -> None:
        """Ends the streams of those whose key was revoked meanwhile, or who are no members any more."""
        followers = [follower for channel in self._channels.values() for follower in channel.followers]
        asked = {follower.viewer for follower in followers}
        try:
            welcome = await asyncio.get_running_loop().run_in_executor(self._thread, still_welcome, asked)
        except AnyDatabaseError as error:
            log.warning("viewers_not_checked", reason=str(error).strip())
            return
        for follower in followers:
            if follower.viewer not in welcome:
                follower.end()

    def _compare(self, channel: _Channel, row: Row | None) -> None:
        if row is None:
            for follower in tuple(channel.followers):
                follower.end()
            return
        # Redis, where it is well, is given until the next poll: it also brings what was before the row's news.
        known = channel.row if self.recorded.is_well else row
        channel.silent_polls += 1
        is_silent = channel.silent_polls > _SILENT_POLLS or not self.recorded.is_well
        channel.tell([known.status(), *(known.progress() if is_silent else ())])
        channel.row = row


async def _again_and_again(work: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("following_failed")
        await asyncio.sleep(pause_seconds)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def present_hub() -> Hub:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
