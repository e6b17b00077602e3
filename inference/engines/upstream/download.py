"""A download that continues after a lost connection, if the server supports ranges."""

import re
from typing import IO

import httpx

from inference.errors import UpstreamFailed

_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 200, 206, 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Incomplete(Exception):
    """The response ended before the file did."""


class Download:
    """The state of one download: the bytes received, and the headers of the next request."""

    def __init__(self, file: IO[bytes], *, max_bytes: int) -> None:
        self._file, self._max_bytes = file, max_bytes
        self._received = 0
        self._total: int | None = None
        self._etag: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request for the missing part."""
        # Content-Length and Range have to count the bytes of the stored file, so no compression.
        headers = {"Accept-Encoding": "identity"}
        if self._received:
            headers["Range"] = f"bytes={self._received}-"
            if self._etag:
                headers["If-Range"] = self._etag
        return headers

    def is_refused(self, response: httpx.Response) -> bool:
        """Whether the server has no such part, so that the file has to be downloaded again."""
        return response.status_code == _RANGE_NOT_SATISFIABLE and self._received > 0

    async def receive(self, response: httpx.Response) -> None:
        """Save the content of a response. Raises Incomplete or the errors of httpx: then send the next request."""
        if not self._continues(response):
            self._restart(response)
            if response.status_code != _OK:
                raise Incomplete
        async for chunk in response.aiter_raw():
            self._received += len(chunk)
            if self._received > self._max_bytes:
                raise UpstreamFailed("The video of the upstream server is larger than its frames.")
            self._file.write(chunk)
        if self._total is not None and self._received != self._total:
            raise Incomplete

    def _continues(self, response: httpx.Response) -> bool:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        return (
            response.status_code == _PARTIAL_CONTENT
            and match is not None
            and (int(match[1]), int(match[2])) == (self._received, self._total)
        )

    def _restart(self, response: httpx.Response) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._received = 0
        length = response.headers.get("Content-Length", "")
        self._total = int(length) if length.isdecimal() else None
        etag = response.headers.get("ETag")
        # A weak one does not promise equal bytes.
        self._etag = etag if etag and not etag.startswith("W/") else None
