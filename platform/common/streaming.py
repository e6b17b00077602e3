"""The one streaming response, for WSGI and ASGI.

A client may read it for an hour, so it holds no database connection and no thread meanwhile: its content is made in
steps, one for each chunk, and the connection that a step used is released when the step ends. A step that reads a file
after a query releases the connection in between.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from functools import cache
from typing import Any

import structlog
from asgiref.sync import SyncToAsync
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from common.middleware import Step, SyncAndAsyncMiddleware

log = structlog.get_logger(__name__)

# Steps of all streams of a process that run at once: fewer than the connections of its pool.
_MAX_THREADS = 4

Chunks = Generator[bytes, None, None]


def release_connections() -> None:
    """Give this thread's database connections back, unless a transaction is open."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


class ReleaseConnectionsMiddleware(SyncAndAsyncMiddleware):
    """Releases the connections of a request before the first byte of its response.

    An asynchronous server would keep them until a slow client has read everything. A process that serves one request at
    a time keeps its connection for the next one, unless the response is a stream.
    """

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        return release_connections if isinstance(request, ASGIRequest) or response.streaming else None


class StreamedResponse(StreamingHttpResponse):
    """A response that sends its content while it is made.

    An error in the first step of a generator is raised here, so that it becomes an error response. A later error cuts
    the connection: the client must not take half a file for a whole one. Asynchronous generators are for ASGI only.
    """

    def __init__(self, request: HttpRequest, chunks: Chunks | AsyncGenerator[bytes], **options: Any) -> None:
        if isinstance(chunks, AsyncGenerator):
            super().__init__(chunks, **options)
        else:
            steps = _Steps(chunks, is_empty=request.method == "HEAD")
            is_async = isinstance(request, ASGIRequest)
            super().__init__(_in_threads(steps) if is_async else _in_this_thread(steps), **options)
            self._resource_closers.append(steps.close)  # type: ignore[attr-defined] # not in the stubs

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Close the generator with the response. Django leaves it to the garbage collector if a client disconnects."""
        _shut_down_request_thread()
        async with aclosing(self._iterator) as chunks:  # type: ignore[attr-defined] # not in the stubs
            async for chunk in chunks:
                yield chunk


class _Steps:
    """Runs a generator step by step, in the context of the request, whichever thread runs the step."""

    def __init__(self, chunks: Chunks, *, is_empty: bool) -> None:
        self._chunks, self._context, self._lock = chunks, copy_context(), threading.Lock()
        self._first: bytes | None = None
        if is_empty:
            chunks.close()
        else:
            self._first = next(chunks, None)

    def next(self) -> bytes | None:
        """Return the next chunk, or None after the last one."""
        with self._lock:
            if self._first is not None:
                first, self._first = self._first, None
                return first
            try:
                return self._context.run(next, self._chunks, None)
            except Exception as error:
                self._context.run(log.error, "stream_interrupted", reason=str(error) or type(error).__name__)
                raise
            finally:
                release_connections()

    def close(self) -> None:
        """End the generator, after the step that runs."""
        with self._lock:
            self._first = None
            self._context.run(self._chunks.close)
            release_connections()


def _in_this_thread(steps: _Steps) -> Iterator[bytes]:
    while (chunk := steps.next()) is not None:
        yield chunk


async def _in_threads(steps: _Steps) -> AsyncGenerator[bytes]:
    try:
        while (chunk := await asyncio.get_running_loop().run_in_executor(_threads(), steps.next)) is not None:
            yield chunk
    finally:
        # Not awaited: this may be a canceled request, whose step still runs.
        _threads().submit(steps.close)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="streams")


def _shut_down_request_thread() -> None:
    """Shut down the thread that Django keeps until the response is sent. If one is needed later, another is started."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
