"""Sends calls: with the key, with time limits, and again after faults that pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from mutoscope.calls import Call
from mutoscope.errors import ConnectionFailed, error_of
from mutoscope.options import Options
from mutoscope.retries import pause_after
from mutoscope.version import __version__


class _Sender:
    """What both transports know."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int) -> None:
        self.base_url, self._key = options.base_url, options.api_key
        self._timeout, self._max_retries = timeout, max_retries

    def _parts(self, call: Call) -> dict[str, Any]:
        """A call as httpx wants it."""
        return {
            "method": call.method,
            "url": self.base_url + call.path,
            "params": call.params,
            "json": call.json,
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
        pause = pause_after(call, outcome, tries=tries, most=self._max_retries)
        if pause is not None:
            return pause
        if isinstance(outcome, httpx.Response):
            raise error_of(outcome)
        reason = str(outcome) or type(outcome).__name__
        raise ConnectionFailed(f"{self.base_url} does not answer: {reason}") from outcome


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

    @contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """The answer, to be read bit by bit. Raises ApiError or ConnectionFailed; later breaks are the reader's."""
        tries = 0
        while True:
            tries += 1
            # A download may be sent on to the storage; httpx takes the key to no other host.
            try:
                response = self.http.send(
                    self.http.build_request(**self._parts(call)), stream=True, follow_redirects=call.method == "GET"
                )
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


class AsyncTransport(_Sender):
    """The same for coroutines."""

    def __init__(self, options: Options, *, timeout: float, max_retries: int, http: httpx.AsyncClient) -> None:
        super().__init__(options, timeout=timeout, max_retries=max_retries)
        self.http = http

    async def json(self, call: Call) -> Any:
        """The body of the answer. Raises ApiError or ConnectionFailed."""
        async with self.stream(call) as response:
            try:
                await response.aread()
            except httpx.TransportError as error:
                raise ConnectionFailed(f"{self.base_url} broke off in the middle of its answer.") from error
            return response.json()

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[httpx.Response]:
        """The answer, to be read bit by bit. Raises ApiError or ConnectionFailed; later breaks are the reader's."""
        tries = 0
        while True:
            tries += 1
            try:
                response = await self.http.send(
                    self.http.build_request(**self._parts(call)), stream=True, follow_redirects=call.method == "GET"
                )
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
