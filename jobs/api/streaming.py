"""Streaming responses. They last for minutes, so they hold no database connection and no thread."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse

EVENT_STREAM_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def event_stream_response(chunks: AsyncGenerator[bytes]) -> StreamingHttpResponse:
    """Return a stream of server-sent events. Use it in processes with long polling only."""
    return _EventStreamResponse(_without_request_resources(chunks))


def current_events_response(content: bytes) -> HttpResponse:
    """Return the events so far, for processes without long polling. The client polls by reconnecting."""
    return HttpResponse(content, content_type=EVENT_STREAM_MEDIA_TYPE, headers=_HEADERS)


class _EventStreamResponse(StreamingHttpResponse):
    """Close the generator with the response. Django leaves it to the garbage collector if a client disconnects."""

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__(chunks, content_type=EVENT_STREAM_MEDIA_TYPE, headers=_HEADERS)
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                yield chunk


async def _without_request_resources(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Release the connections and the thread of the request, after all middleware, which may query the database."""
    await sync_to_async(connections.close_all)()
    _shut_down_request_thread()
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk


def _shut_down_request_thread() -> None:
    """Shut down the thread that Django keeps until the response is sent. If one is needed later, another is started."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
