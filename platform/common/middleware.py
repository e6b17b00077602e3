"""What our middlewares have in common: each works under sync and async servers with the same code."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# The part of a middleware that may wait: for the database, for a template. None from it changes nothing.
Step = Callable[[], HttpResponseBase | None]


class SyncAndAsyncMiddleware:
    """Asks `before` for an answer, else takes that of the next layer, then asks `after` for another in its place.

    Both look at the request without waiting and return the step that has to be taken, if any. Only such a step costs an
    async call a thread; Django's own MiddlewareMixin, and whatever is sync alone, takes threads for every call.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def before(self, request: HttpRequest) -> Step | None:
        """The step that may answer in place of the next layer."""
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        """The step that may put another answer in the place of this one."""
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
