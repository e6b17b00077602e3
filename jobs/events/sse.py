"""Streams the events of a job to one client as server-sent events, until the job is finished."""

import asyncio
from collections.abc import AsyncGenerator

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from common.streaming import StreamedResponse
from jobs.events.authorization import Viewer
from jobs.events.connection_limits import Slot
from jobs.events.event import EventId
from jobs.events.event_log import read_events_after
from jobs.events.hub import Hub
from jobs.events.snapshots import EventSequencer, JobSnapshot, replay

MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
# The time after which a disconnected client reconnects, in milliseconds.
_RETRY = b"retry: 2000\n\n"
_HEARTBEAT = b": heartbeat\n\n"
_END_OF_STREAM = b": end of stream\n\n"


def event_stream_response(request: HttpRequest, events: AsyncGenerator[bytes]) -> StreamedResponse:
    """Return a stream of server-sent events. Use it in processes with long polling only."""
    return StreamedResponse(request, events, content_type=MEDIA_TYPE, headers=_HEADERS)


def current_events_response(content: bytes) -> HttpResponse:
    """Return the events so far, for processes without long polling. The client polls by reconnecting."""
    return HttpResponse(content, content_type=MEDIA_TYPE, headers=_HEADERS)


async def stream_events(
    hub: Hub, snapshot: JobSnapshot, last: EventId | None, slot: Slot, viewer: Viewer
) -> AsyncGenerator[bytes]:
    """Yield the events of a job.

    The stream ends when the job is finished, the video is deleted or the viewer loses access, and after
    EVENT_STREAM_MAX_SECONDS: a client that reconnects is authenticated again.
    """
    yield _RETRY
    sequencer = EventSequencer(snapshot.id, last)
    # Subscribe before earlier events are read, so that no event in between is missed.
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
    """Return the present events, for processes that must not hold responses open. The client reconnects for more."""
    logged_events = read_events_after(snapshot.id, last or snapshot.event_id)
    events = replay(snapshot, EventSequencer(snapshot.id, last), logged_events)
    return _RETRY + b"".join(event.encoded for event in events)
