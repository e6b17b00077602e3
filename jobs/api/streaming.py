"""The one place from which streams leave: an answer that lasts for minutes holds no connection and no thread."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse

EVENT_STREAM_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def event_stream_response(chunks: AsyncGenerator[bytes]) -> StreamingHttpResponse:
    """Server-sent events as they happen. Call it in a process that may hold answers back."""
    return _EventStreamResponse(_without_request_resources(chunks))


def current_events_response(content: bytes) -> HttpResponse:
    """The same for a process that answers at once: the client's retry makes a poll of it."""
    return HttpResponse(content, content_type=EVENT_STREAM_MEDIA_TYPE, headers=_HEADERS)


class _EventStreamResponse(StreamingHttpResponse):
    """Ends its pieces with itself. Django's own leaves them to the garbage collector when a client goes in mid-send."""

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__(chunks, content_type=EVENT_STREAM_MEDIA_TYPE, headers=_HEADERS)
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                yield chunk


async def _without_request_resources(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Begins after all middleware, which may still have asked the database."""
    await sync_to_async(connections.close_all)()
    _shut_down_request_thread()
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk


def _shut_down_request_thread() -> None:
    """Django keeps a thread for each request until its answer is sent; what still needs one then starts another."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
