"""What one client gets to read: its events as server-sent events, until the job's end."""

import asyncio
from collections.abc import AsyncGenerator

from django.conf import settings

from jobs.events.authorization import Viewer
from jobs.events.connection_limits import Slot
from jobs.events.event import EventId
from jobs.events.event_log import read_events_after
from jobs.events.hub import Hub
from jobs.events.snapshots import EventSequencer, JobSnapshot, replay

# For clients that lost us: when to come back.
_RETRY = b"retry: 2000\n\n"
_HEARTBEAT = b": still here\n\n"
_END_OF_STREAM = b": there is nothing more to see\n\n"


async def stream_events(
    hub: Hub, snapshot: JobSnapshot, last: EventId | None, slot: Slot, viewer: Viewer
) -> AsyncGenerator[bytes]:
    """Ends after the job's end, when the video is deleted or the viewer may not see it any more, and after
    EVENT_STREAM_MAX_SECONDS: whoever comes back then has shown that they still may."""
    yield _RETRY
    sequencer = EventSequencer(snapshot.id, last)
    # Before the past is read, so that nothing happens unheard in between.
    subscriber = hub.subscribe(snapshot, viewer)
    try:
        logged_events = await hub.event_log.read_after(snapshot.id, last or snapshot.event_id)
        for event in replay(snapshot, sequencer, logged_events):
            yield event.encoded
        clock = asyncio.get_running_loop().time
        deadline = clock() + settings.EVENT_STREAM_MAX_SECONDS
        while not (sequencer.last_event_id and sequencer.last_event_id.is_finished) and clock() < deadline:
            try:
                async with asyncio.timeout(settings.EVENT_HEARTBEAT_INTERVAL_SECONDS):
                    received = await subscriber.queue.get()
            except TimeoutError:
                yield _HEARTBEAT
                continue
            if received is None:
                yield _END_OF_STREAM
                return
            for event in sequencer.emit(received):
                yield event.encoded
    finally:
        hub.unsubscribe(snapshot, subscriber)
        slot.release()


def current_events(snapshot: JobSnapshot, last: EventId | None) -> bytes:
    """The same for a process that must not hold answers back: what there is now. The client comes back for more."""
    event_log = read_events_after(snapshot.id, last or snapshot.event_id)
    return _RETRY + b"".join(event.encoded for event in replay(snapshot, EventSequencer(snapshot.id, last), event_log))
