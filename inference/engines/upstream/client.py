"""Calls to an upstream server: bounded in time and size, repeated while the server is away."""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from inference.engines.upstream.download import Download, Incomplete
from inference.errors import UpstreamDenied, UpstreamFailed, UpstreamUnreachable

T = TypeVar("T")
log = logging.getLogger(__name__)

_TIMEOUT = httpx.Timeout(30, connect=5)
# For a whole call, but not for a download. A socket's timeout applies to each read, and thus perhaps to each byte.
_CALL_TIMEOUT_SECONDS = 60
# A submit that has arrived is not to be repeated because the server is slow.
_SUBMIT_TIMEOUT_SECONDS = 300
_HEALTH_TIMEOUT_SECONDS = 5
_MAX_LOST_ANSWERS = 1
_MAX_ANSWER_BYTES = 1_000_000
_MAX_REASON_LENGTH = 300
_MAX_REPORTED_SECONDS = 1e6
_INITIAL_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 0.25, 15.0
_MAX_RETRY_AFTER_SECONDS = 60.0
_DENIED = {401, 402, 403}
_NOT_FOUND = {404, 405}
_CONFLICT = 409
_INFERENCE_TIME_HEADER = "x-inference-time-s"
_RETRYABLE = {408, 425}
_OVERLOADED = {429, 503}


class UpstreamNotFound(Exception):
    """The server does not know what was asked for."""


class _Busy(Exception):
    """The server could not answer now."""


class _Overloaded(_Busy):
    """The server did nothing of what it was asked. retry_after_seconds: when to ask again, as it says."""

    def __init__(self, reason: str, retry_after_seconds: float) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


_NEVER_SENT = (httpx.InvalidURL, httpx.LocalProtocolError, httpx.UnsupportedProtocol)
_HAD_NO_EFFECT = (httpx.ConnectError, httpx.ConnectTimeout, _Overloaded)


class UpstreamClient:
    """A connection to one server. Use it as a context manager.

    last_failure: why the last call failed that is being repeated, or None. inference_seconds: how long the server
    worked on a video, as it says in the header of a response, or None.
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        self.last_failure: str | None = None
        self.inference_seconds: float | None = None
        self._url, self._api_key = url, api_key
        headers = {"User-Agent": "mutoscope"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._http = httpx.AsyncClient(headers=headers, timeout=_TIMEOUT)

    async def __aenter__(self) -> "UpstreamClient":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object of a response.

        Raises UpstreamNotFound, UpstreamFailed if the call is refused, or UpstreamDenied, as the other calls do.
        """
        return _object(await self._repeat(lambda: self._call(method, self._url + path, **options)))

    async def submit(self, path: str, *, is_idempotent: bool, **options: Any) -> dict[str, Any]:
        """Return the JSON object of the response to a POST that starts something.

        is_idempotent: whether the server knows it again. Otherwise an unknown outcome is risked once more, and then
        UpstreamUnreachable is raised. Raises UpstreamFailed if the call is refused.
        """

        async def call() -> Any:
            timeout = httpx.Timeout(_SUBMIT_TIMEOUT_SECONDS, connect=_TIMEOUT.connect)
            async with asyncio.timeout(_SUBMIT_TIMEOUT_SECONDS):
                return await self._request("POST", self._url + path, timeout=timeout, **options)

        return _object(await self._repeat(call, is_idempotent=is_idempotent))

    async def get_server_info(self) -> Any:
        """Return the JSON at `/models` beside `/v1`, or None if there is none."""
        return await self._get_if_exists(self._url.removesuffix("/v1") + "/models")

    async def get_models(self) -> Any:
        """Return the JSON of the list of models, or None if there is none."""
        return await self._get_if_exists(self._url + "/models")

    async def check_health(self) -> None:
        """Ask for something small, once. Raises UpstreamUnreachable or UpstreamDenied if no video can be sent."""
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT_SECONDS):
                # A server without such a list responds, too.
                with suppress(UpstreamNotFound, UpstreamFailed):
                    await self._request("GET", self._url + "/models")
        except (httpx.InvalidURL, httpx.RequestError, _Busy, TimeoutError) as error:
            raise unreachable(_cause(error)) from error

    async def _get_if_exists(self, url: str) -> Any:
        with suppress(UpstreamNotFound):
            return await self._repeat(lambda: self._call("GET", url, trusts_any_404=True))
        return None

    async def download(self, path: str, file: Path, *, max_bytes: int) -> None:
        """Save the content of a response; after a lost connection continue where it stopped.

        Raises UpstreamNotFound, or UpstreamFailed if the server refuses the call or sends more than `max_bytes`.
        """
        with file.open("wb") as opened:
            download = Download(opened, max_bytes=max_bytes)
            await self._repeat(lambda: self._download(path, download))

    async def _repeat(self, call: Callable[[], Awaitable[T]], *, is_idempotent: bool = True) -> T:
        """Return the result of a call, which is repeated while the server is away; the caller sets the deadline."""
        lost_answers = 0
        for failures in count():
            try:
                result = await call()
            except _NEVER_SENT as error:
                # The key cannot be sent.
                raise UpstreamDenied(
                    "The upstream server cannot be reached (%(reason)s).", {"reason": _cause(error)}
                ) from error
            except (httpx.RequestError, _Busy, Incomplete, TimeoutError) as error:
                if self.last_failure is None:
                    log.warning("The upstream server is away: %s", _cause(error))
                self.last_failure = _cause(error)
                if not isinstance(error, _HAD_NO_EFFECT):
                    lost_answers += 1
                if not is_idempotent and lost_answers > _MAX_LOST_ANSWERS:
                    raise unreachable(self.last_failure) from error
                delay = min(_MAX_BACKOFF_SECONDS, _INITIAL_BACKOFF_SECONDS * 2 ** min(failures, 10))
                delay *= random.uniform(0.5, 1)  # noqa: S311 (not for secrets)
                if isinstance(error, _Overloaded):
                    delay = max(delay, error.retry_after_seconds)
                await asyncio.sleep(delay)
            else:
                self.last_failure = None
                return result
        raise AssertionError  # the loop has no end

    async def _call(self, method: str, url: str, *, trusts_any_404: bool = False, **options: Any) -> Any:
        async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
            return await self._request(method, url, trusts_any_404=trusts_any_404, **options)

    async def _request(self, method: str, url: str, *, trusts_any_404: bool = False, **options: Any) -> Any:
        async with self._http.stream(method, url, **options) as response:
            text = await _read(response)
            self._check(response, text, trusts_any_404=trusts_any_404)
        self._note_inference_seconds(response)
        return _parse(text)

    async def _download(self, path: str, download: Download) -> None:
        # The server may send us to its storage; httpx does not pass the key on to another host.
        async with self._http.stream(
            "GET", self._url + path, headers=download.headers, follow_redirects=True
        ) as response:
            if not response.is_success and not download.is_refused(response):
                self._check(response, await _read(response))
            self._note_inference_seconds(response)
            await download.receive(response)

    def _note_inference_seconds(self, response: httpx.Response) -> None:
        with suppress(KeyError, ValueError):
            self.inference_seconds = valid_seconds(float(response.headers[_INFERENCE_TIME_HEADER]))

    def _check(self, response: httpx.Response, text: bytes, *, trusts_any_404: bool = False) -> None:
        """Raise the error of a response that is none.

        trusts_any_404: whether a 404 may come from a gateway, which also sends it while its server is away.
        """
        if response.is_success:
            return
        status, body = response.status_code, _parse(text)
        if status in _NOT_FOUND and response.request.method == "GET":
            raise UpstreamNotFound if trusts_any_404 or isinstance(body, dict) else _Busy(f"HTTP {status}")
        if status in _DENIED:
            if response.history:  # the storage of the server, whose signed address has expired
                raise _Busy(f"HTTP {status}")
            reason = self.clean(error_message(body)) or f"HTTP {status}"
            raise UpstreamDenied("The upstream server denies access: %(reason)s", {"reason": reason})
        # Mutoscope's answer while an earlier submit with the same key is still running.
        is_running = status == _CONFLICT and _error_code(body) == "request_in_progress"
        if status in _OVERLOADED:
            raise _Overloaded(f"HTTP {status}", _retry_after_seconds(response.headers.get("Retry-After", "")))
        if status in _RETRYABLE or response.is_server_error or is_running:
            raise _Busy(f"HTTP {status}")
        reason = self.clean(error_message(body)) or f"HTTP {status}"
        raise UpstreamFailed("The upstream server refused the video: %(reason)s", {"reason": reason})

    def clean(self, text: str) -> str:
        """Return a text of the server in one printable line of limited length, without our key."""
        if self._api_key:
            text = text.replace(self._api_key, "…")
        text = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(text[:_MAX_REASON_LENGTH].split())


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _MAX_ANSWER_BYTES:
            raise UpstreamFailed("The upstream server gave an answer that is not understood.")
    return bytes(content)


def _parse(text: bytes) -> Any:
    """Return the JSON, or None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _retry_after_seconds(value: str) -> float:
    """Return the seconds that a Retry-After header asks for, a number or a date, within our limit."""
    seconds = 0.0
    if value.isdecimal():
        seconds = float(value)
    else:
        with suppress(ValueError):
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    return min(_MAX_RETRY_AFTER_SECONDS, max(0.0, seconds))


def valid_seconds(seconds: Any) -> float | None:
    """Return a duration that a server reports, or None if it is none."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return float(seconds) if is_number and 0 <= seconds <= _MAX_REPORTED_SECONDS else None


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise UpstreamFailed("The upstream server gave an answer that is not understood.")
    return body


def unreachable(reason: str) -> UpstreamUnreachable:
    """Return the error of a server that is away for too long."""
    return UpstreamUnreachable("The upstream server cannot be reached (%(reason)s).", {"reason": reason})


def _cause(error: Exception) -> str:
    """Return the cause without the address of the server, which users are not to see."""
    return str(error) if isinstance(error, _Busy) else type(error).__name__


def _error_code(body: Any) -> Any:
    error = body.get("error") if isinstance(body, dict) else None
    return error.get("code") if isinstance(error, dict) else None


def error_message(body: Any) -> str:
    """Return the message of `{"detail": …}` or `{"error": …}`, or an empty text."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error") or body.get("detail")
    if isinstance(error, dict):
        error = error.get("message") or error.get("msg")
    if isinstance(error, list):  # FastAPI's list of fields
        error = "; ".join(_field_error(entry) for entry in error)
    return error if isinstance(error, str) else ""


def _field_error(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    location = entry.get("loc")
    name = ".".join(map(str, location)) if isinstance(location, list) else ""
    return f"{name}: {entry.get('msg')}" if name else str(entry.get("msg"))
