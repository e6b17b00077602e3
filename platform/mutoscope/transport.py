"""Sends requests: adds the API key and timeouts, and retries after transient errors."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from mutoscope import api_requests
from mutoscope.api_requests import RequestSpec
from mutoscope.downloads import Download, OnBytes, atomic_file
from mutoscope.errors import ConnectionFailed, error_from_response
from mutoscope.options import Options
from mutoscope.retries import retry_delay
from mutoscope.version import __version__

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class _BaseTransport:
    """State and helpers of both transports."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int) -> None:
        self.base_url, self._key = options.base_url, options.api_key
        self._timeout, self.max_retries = timeout, max_retries

    def _request_kwargs(self, spec: RequestSpec) -> dict[str, Any]:
        """Returns the arguments for `httpx.Client.build_request`."""
        return {
            "method": spec.method,
            "url": self.base_url + spec.path,
            "params": spec.params,
            "json": spec.json,
            "content": spec.content,
            "data": spec.data,
            "files": spec.files,
            "timeout": self._timeout + spec.long_poll_seconds,
            "headers": {
                "Authorization": f"Bearer {self._key}",
                "User-Agent": f"mutoscope-python/{__version__}",
                **spec.headers,
            },
        }

    def _retry_delay(self, spec: RequestSpec, outcome: httpx.Response | httpx.TransportError, attempts: int) -> float:
        """Returns the seconds until the next attempt. Raises the error of the outcome after the last."""
        delay = retry_delay(spec, outcome, attempts=attempts, max_retries=self.max_retries)
        if delay is not None:
            return delay
        if isinstance(outcome, httpx.Response):
            raise error_from_response(outcome)
        reason = _ERRNO.sub("", str(outcome)) or type(outcome).__name__
        message = f"{self.base_url} does not respond ({reason}). Check the URL and whether the server is running."
        raise ConnectionFailed(message) from outcome


class Transport(_BaseTransport):
    """Transport of the synchronous client."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int, http: httpx.Client) -> None:
        super().__init__(options, timeout=timeout, max_retries=max_retries)
        self.http = http

    def json(self, spec: RequestSpec) -> Any:
        """Returns the JSON body of the response. Raises ApiError or ConnectionFailed."""
        with self.stream(spec) as response:
            try:
                response.read()
            except httpx.TransportError as error:
                raise ConnectionFailed(
                    f"The connection to {self.base_url} was lost during the response. Try again."
                ) from error
            return response.json()

    def pages(self, path: str, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the rows of a list, fetching one page after another."""
        after = None
        while True:
            page = self.json(api_requests.page(path, after, filters))
            yield from page["data"]
            if not page["has_more"]:
                return
            after = page["last_id"]

    def download(self, spec: RequestSpec, path: str | os.PathLike[str], *, on_bytes: OnBytes | None) -> Path:
        """Writes the body of the response to a file. Raises ApiError, ConnectionFailed or FileError."""
        with atomic_file(path) as file:
            download = Download(spec, file, on_bytes=on_bytes, max_failures=self.max_retries)
            while not download.is_complete:
                try:
                    with self.stream(download.spec()) as response:
                        download.read_headers(response)
                        for chunk in response.iter_raw():
                            download.feed(chunk)
                        download.finish()
                except httpx.TransportError as error:
                    time.sleep(download.retry_delay(error))
        return Path(path)

    @contextmanager
    def stream(self, spec: RequestSpec) -> Iterator[httpx.Response]:
        """Opens a response for streaming. Raises ApiError or ConnectionFailed.

        If the connection is lost while the body is read, the caller gets httpx.TransportError.
        """
        attempts = 0
        while True:
            attempts += 1
            try:
                request = self.http.build_request(**self._request_kwargs(spec))
                response = self.http.send(request, stream=True, follow_redirects=spec.follow_redirects)
            except httpx.TransportError as error:
                time.sleep(self._retry_delay(spec, error, attempts))
                continue
            try:
                if response.is_success:
                    yield response
                    return
                response.read()
            finally:
                response.close()
            time.sleep(self._retry_delay(spec, response, attempts))


async def _async_chunks(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yields the chunks asynchronously. httpx would treat an object with both kinds of iterator as synchronous."""
    for chunk in chunks:
        yield chunk


class AsyncTransport(_BaseTransport):
    """Transport of the asynchronous client."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int, http: httpx.AsyncClient) -> None:
        super().__init__(options, timeout=timeout, max_retries=max_retries)
        self.http = http

    def _request_kwargs(self, spec: RequestSpec) -> dict[str, Any]:
        content = None if spec.content is None else _async_chunks(spec.content)
        return {**super()._request_kwargs(spec), "content": content}

    async def json(self, spec: RequestSpec) -> Any:
        """Returns the JSON body of the response. Raises ApiError or ConnectionFailed."""
        async with self.stream(spec) as response:
            try:
                await response.aread()
            except httpx.TransportError as error:
                raise ConnectionFailed(
                    f"The connection to {self.base_url} was lost during the response. Try again."
                ) from error
            return response.json()

    async def pages(self, path: str, filters: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yields the rows of a list, fetching one page after another."""
        after = None
        while True:
            page = await self.json(api_requests.page(path, after, filters))
            for row in page["data"]:
                yield row
            if not page["has_more"]:
                return
            after = page["last_id"]

    async def download(self, spec: RequestSpec, path: str | os.PathLike[str], *, on_bytes: OnBytes | None) -> Path:
        """Writes the body of the response to a file. Raises ApiError, ConnectionFailed or FileError."""
        with atomic_file(path) as file:
            download = Download(spec, file, on_bytes=on_bytes, max_failures=self.max_retries)
            while not download.is_complete:
                try:
                    async with self.stream(download.spec()) as response:
                        download.read_headers(response)
                        async for chunk in response.aiter_raw():
                            download.feed(chunk)
                        download.finish()
                except httpx.TransportError as error:
                    await asyncio.sleep(download.retry_delay(error))
        return Path(path)

    @asynccontextmanager
    async def stream(self, spec: RequestSpec) -> AsyncIterator[httpx.Response]:
        """Opens a response for streaming. Raises ApiError or ConnectionFailed.

        If the connection is lost while the body is read, the caller gets httpx.TransportError.
        """
        attempts = 0
        while True:
            attempts += 1
            try:
                request = self.http.build_request(**self._request_kwargs(spec))
                response = await self.http.send(request, stream=True, follow_redirects=spec.follow_redirects)
            except httpx.TransportError as error:
                await asyncio.sleep(self._retry_delay(spec, error, attempts))
                continue
            try:
                if response.is_success:
                    yield response
                    return
                await response.aread()
            finally:
                await response.aclose()
            await asyncio.sleep(self._retry_delay(spec, response, attempts))
