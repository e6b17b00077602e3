"""What one client gets to read: its events as server-sent events, until the job's end."""

import asyncio
from collections.abc import AsyncGenerator

from django.conf import settings

from jobs.live.events import Position
from jobs.live.hub import Hub
from jobs.live.recorded import recorded_after
from jobs.live.rows import Course, Row, catch_up
from jobs.live.seats import Seat
from jobs.live.viewers import Viewer

# For clients that lost us: when to come back.
RETRY = b"retry: 2000\n\n"
_HEARTBEAT = b": still here\n\n"
_GONE = b": there is nothing more to see\n\n"


async def follow(hub: Hub, row: Row, last: Position | None, seat: Seat, viewer: Viewer) -> AsyncGenerator[bytes]:
    """Ends after the job's end, when the video is deleted or the viewer may not see it any more, and after
    EVENT_STREAM_SECONDS: whoever comes back then has shown that they still may."""
    yield RETRY
    course = Course(row.id, last)
    # Before the past is read, so that nothing happens unheard in between.
    follower = hub.join(row, viewer)
    try:
        recorded = await hub.recorded.after(row.id, last or row.position)
        for event in catch_up(row, course, recorded):
            yield event.encoded
        clock = asyncio.get_running_loop().time
        give_up = clock() + settings.EVENT_STREAM_SECONDS
        while not (course.told and course.told.is_end) and clock() < give_up:
            try:
                async with asyncio.timeout(settings.EVENT_HEARTBEAT_SECONDS):
                    news = await follower.queue.get()
            except TimeoutError:
                yield _HEARTBEAT
                continue
            if news is None:
                yield _GONE
                return
            for event in course.take(news):
                yield event.encoded
    finally:
        hub.leave(row, follower)
        seat.leave()


def briefly(row: Row, last: Position | None) -> bytes:
    """The same for a process that must not hold answers back: what there is now. The client comes back for more."""
    recorded = recorded_after(row.id, last or row.position)
    return RETRY + b"".join(event.encoded for event in catch_up(row, Course(row.id, last), recorded))
