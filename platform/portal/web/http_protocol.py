"""uvicorn's protocol on httptools, with limits for the headers of a request. uvicorn has them only with h11."""

import asyncio
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

# nginx accepts 32 kB, too, unless it is configured otherwise.
_MAX_HEADER_BYTES = 32_768
_MAX_HEADERS = 100
_MESSAGE = b"The headers of the request are too large or too many. Send less than 32 kB in at most 100 headers."


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses large headers with 431, and disconnects clients whose headers do not arrive in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reads_headers = True
        self._is_refused = False
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        continues_headers = self._reads_headers
        super().data_received(data)
        if self._reads_headers:
            # Headers that follow another request in the same data are counted from the next data on.
            self._header_bytes = self._header_bytes + len(data) if continues_headers else 0
            if self._header_bytes > _MAX_HEADER_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._reads_headers:
            self._reads_headers, self._header_bytes = True, 0
            self._start_header_timer()

    def on_headers_complete(self) -> None:
        self._reads_headers = False
        self._stop_header_timer()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > _MAX_HEADER_BYTES or len(self.headers) > _MAX_HEADERS:
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_refused:
            super().on_message_complete()

    def _refuse(self) -> None:
        self._is_refused = True
        length = str(len(_MESSAGE)).encode()
        headers = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: " + length
        self.transport.write(STATUS_LINE[431] + headers + b"\r\n\r\n" + _MESSAGE)
        self.transport.close()

    def _start_header_timer(self) -> None:
        self._stop_header_timer()
        self._header_timer = self.loop.call_later(settings.REQUEST_HEADER_TIMEOUT_SECONDS, self.transport.close)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
