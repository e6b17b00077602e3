"""The base class of our middleware: the same code works under sync and async servers."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# The part of a middleware that may block, on the database or a template. If it returns None, nothing changes.
Step = Callable[[], HttpResponseBase | None]


class SyncAndAsyncMiddleware:
    """Lets `before` respond instead of the next layer, and `after` replace the response.

    Both inspect the request without blocking and return the step to run, if any. Only such a step costs an async
    request a thread; Django's own MiddlewareMixin and sync-only middleware take threads for every request.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def before(self, request: HttpRequest) -> Step | None:
        """Return the step that may respond instead of the next layer."""
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        """Return the step that may replace this response."""
        return None

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._call_async(request)
        step = self.before(request)
        response = (step() if step else None) or cast("HttpResponseBase", self.get_response(request))
        step = self.after(request, response)
        return (step() if step else None) or response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        step = self.before(request)
        response = await sync_to_async(step)() if step else None
        response = response or await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        step = self.after(request, response)
        return (await sync_to_async(step)() if step else None) or response
