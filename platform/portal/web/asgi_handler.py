"""Django's ASGI application, for requests that mostly have synchronous views."""

import io
from collections.abc import Mapping
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from portal.web.view_lookup import has_async_view


class LiveHandler(ASGIHandler):
    """Runs middleware and view of a synchronous request in one call in its thread.

    Django calls most middleware twice, each time in the thread of the request, so that half of the time of a short
    request is spent on changes between threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self._synchronous = BaseHandler()
        self._synchronous.load_middleware(is_async=False)
        self._get_response_in_thread = sync_to_async(self._synchronous.get_response)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        if has_async_view(request.path_info):
            return await super().get_response_async(request)
        return await self._get_response_in_thread(request)

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """Set the length of a chunked body, without which Django takes it for empty."""
        if any(name == b"transfer-encoding" for name, _value in scope["headers"]):
            length = str(body_file.seek(0, io.SEEK_END)).encode()
            body_file.seek(0)
            scope = {**scope, "headers": [*scope["headers"], (b"content-length", length)]}
        return super().create_request(scope, body_file)
