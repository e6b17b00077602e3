"""Sends calls: with the key, with time limits, and again after faults that pass."""

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

from mutoscope import calls
from mutoscope.calls import Call
from mutoscope.downloads import Download, OnBytes, whole_file
from mutoscope.errors import ConnectionFailed, error_of
from mutoscope.options import Options
from mutoscope.retries import pause_after
from mutoscope.version import __version__

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class _Sender:
    """What both transports know."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int) -> None:
        self.base_url, self._key = options.base_url, options.api_key
        self._timeout, self.max_retries = timeout, max_retries

    def _parts(self, call: Call) -> dict[str, Any]:
        """A call as httpx wants it."""
        return {
            "method": call.method,
            "url": self.base_url + call.path,
            "params": call.params,
            "json": call.json,
            "content": call.content,
            "data": call.data,
            "files": call.files,
            "timeout": self._timeout + call.patience,
            "headers": {
                "Authorization": f"Bearer {self._key}",
                "User-Agent": f"mutoscope-python/{__version__}",
                **call.headers,
            },
        }

    def _pause(self, call: Call, outcome: httpx.Response | httpx.TransportError, tries: int) -> float:
        """Seconds until the next try. Raises what the outcome stands for where there is none."""
        pause = pause_after(call, outcome, tries=tries, most=self.max_retries)
        if pause is not None:
            return pause
        if isinstance(outcome, httpx.Response):
            raise error_of(outcome)
        reason = _ERRNO.sub("", str(outcome)) or type(outcome).__name__
        message = f"{self.base_url} does not answer ({reason}). Check the address, and whether the portal is running."
        raise ConnectionFailed(message) from outcome


class Transport(_Sender):
    """For calls that are waited for."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int, http: httpx.Client) -> None:
        super().__init__(options, timeout=timeout, max_retries=max_retries)
        self.http = http

    def json(self, call: Call) -> Any:
        """The body of the answer. Raises ApiError or ConnectionFailed."""
        with self.stream(call) as response:
            try:
                response.read()
            except httpx.TransportError as error:
                raise ConnectionFailed(f"{self.base_url} broke off in the middle of its answer.") from error
            return response.json()

    def pages(self, path: str, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page."""
        after = None
        while True:
            page = self.json(calls.page(path, after, filters))
            yield from page["data"]
            if not page["has_more"]:
                return
            after = page["last_id"]

    def download(self, call: Call, path: str | os.PathLike[str], *, on_bytes: OnBytes | None) -> Path:
        """Writes what a call answers into a file. Raises ApiError, ConnectionFailed or FileError."""
        with whole_file(path) as file:
            download = Download(call, file, on_bytes=on_bytes, most_failures=self.max_retries)
            while not download.is_whole:
                try:
                    with self.stream(download.call()) as response:
                        download.begin(response)
                        for piece in response.iter_raw():
                            download.take(piece)
                        download.end()
                except httpx.TransportError as error:
                    time.sleep(download.pause_after(error))
        return Path(path)

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """The answer, to be read bit by bit. Raises ApiError or ConnectionFailed; later breaks are the reader's."""
        tries = 0
        while True:
            tries += 1
            try:
                request = self.http.build_request(**self._parts(call))
                response = self.http.send(request, stream=True, follow_redirects=call.follows_redirects)
            except httpx.TransportError as error:
                time.sleep(self._pause(call, error, tries))
                continue
            try:
                if response.is_success:
                    yield response
                    return
                response.read()
            finally:
                response.close()
            time.sleep(self._pause(call, response, tries))


async def _in_turn(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """As an asynchronous client wants them: what can be read both ways httpx takes for the other kind."""
    for piece in pieces:
        yield piece


class AsyncTransport(_Sender):
    """The same for coroutines."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int, http: httpx.AsyncClient) -> None:
        super().__init__(options, timeout=timeout, max_retries=max_retries)
        self.http = http

    def _parts(self, call: Call) -> dict[str, Any]:
        content = None if call.content is None else _in_turn(call.content)
        return {**super()._parts(call), "content": content}

    async def json(self, call: Call) -> Any:
        """The body of the answer. Raises ApiError or ConnectionFailed."""
        async with self.stream(call) as response:
            try:
                await response.aread()
            except httpx.TransportError as error:
                raise ConnectionFailed(f"{self.base_url} broke off in the middle of its answer.") from error
            return response.json()

    async def pages(self, path: str, filters: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The rows of a list, page after page."""
        after = None
        while True:
            page = await self.json(calls.page(path, after, filters))
            for row in page["data"]:
                yield row
            if not page["has_more"]:
                return
            after = page["last_id"]

    async def download(self, call: Call, path: str | os.PathLike[str], *, on_bytes: OnBytes | None) -> Path:
        """Writes what a call answers into a file. Raises ApiError, ConnectionFailed or FileError."""
        with whole_file(path) as file:
            download = Download(call, file, on_bytes=on_bytes, most_failures=self.max_retries)
            while not download.is_whole:
                try:
                    async with self.stream(download.call()) as response:
                        download.begin(response)
                        async for piece in response.aiter_raw():
                            download.take(piece)
                        download.end()
                except httpx.TransportError as error:
                    await asyncio.sleep(download.pause_after(error))
        return Path(path)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[httpx.Response]:
        """The answer, to be read bit by bit. Raises ApiError or ConnectionFailed; later breaks are the reader's."""
        tries = 0
        while True:
            tries += 1
            try:
                request = self.http.build_request(**self._parts(call))
                response = await self.http.send(request, stream=True, follow_redirects=call.follows_redirects)
            except httpx.TransportError as error:
                await asyncio.sleep(self._pause(call, error, tries))
                continue
            try:
                if response.is_success:
                    yield response
                    return
                await response.aread()
            finally:
                await response.aclose()
            await asyncio.sleep(self._pause(call, response, tries))
