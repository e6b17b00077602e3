"""Asynchronous views for DRF: hundreds of requests may wait at once without a thread or a database connection."""

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class AsyncAPIView(APIView):
    """A view whose handlers are coroutines. Code that queries the database runs in a thread."""

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """Dispatch like DRF, but await the handler."""
        self.args, self.kwargs, self.headers = args, kwargs, self.default_response_headers
        self.request = self.initialize_request(request, *args, **kwargs)
        method = (request.method or "").lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        try:
            await sync_to_async(self.initial)(self.request, *args, **kwargs)
            if handler is None:
                self.http_method_not_allowed(self.request)
            else:
                response = await handler(self.request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        return self.finalize_response(self.request, response, *args, **kwargs)

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """Run DRF's handler, which is not a coroutine, in a thread."""
        return await sync_to_async(super().options)(request, *args, **kwargs)
