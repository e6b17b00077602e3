"""Exceptions that the client raises.

MutoscopeError
├── ApiError             the server returned an error; has status, code, message, param and request_id
│   ├── InvalidRequest       400, 413, 415, 422 and other 4xx: change the request
│   ├── AuthenticationError  401: the API key is missing or invalid
│   ├── PermissionDenied     403: the API key lacks a scope
│   ├── NotFound             404
│   ├── Conflict             409
│   ├── Gone                 410
│   ├── LimitExceeded        429: retry after `retry_after` seconds
│   └── ServerError          5xx
├── ConnectionFailed     no response, even after retries
├── ConfigurationError   the API key or the base URL is missing or invalid
├── BatchError           a list of requests cannot be parsed
├── FileError            a local file cannot be read or written
├── WaitTimeout          the video is not finished within the timeout; it continues on the server
└── VideoFailed          the video failed, was canceled or expired; has the video
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from mutoscope.models import Video


class MutoscopeError(Exception):
    """Base class of all errors of this package."""


class ApiError(MutoscopeError):
    """An error response of the server. The message says what to change."""

    def __init__(
        self, message: str, *, status: int, code: str, body: dict[str, Any], retry_after: float | None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.retry_after = message, status, code, retry_after
        self.param: str | None = body.get("param")
        self.request_id: str | None = body.get("request_id")
        self.details: list[dict[str, Any]] = body.get("details") or []
        self.body = body


class InvalidRequest(ApiError):
    pass


class AuthenticationError(ApiError):
    pass


class PermissionDenied(ApiError):
    pass


class NotFound(ApiError):
    pass


class Conflict(ApiError):
    pass


class Gone(ApiError):
    pass


class LimitExceeded(ApiError):
    pass


class ServerError(ApiError):
    pass


class ConnectionFailed(MutoscopeError):
    pass


class ConfigurationError(MutoscopeError):
    pass


class BatchError(MutoscopeError):
    pass


class FileError(MutoscopeError):
    pass


class WaitTimeout(MutoscopeError):
    pass


class VideoFailed(MutoscopeError):
    """The video finished without a result."""

    def __init__(self, video: Video) -> None:
        super().__init__(video.error_message or f"The video is {video.status}.")
        self.video = video


# The former name, kept for one release.
VideoNotMade = VideoFailed


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: LimitExceeded,
}


def error_from_response(response: httpx.Response) -> ApiError:
    """Returns the error for a response, including one that is not from a Mutoscope server, such as a proxy's page."""
    try:
        body = response.json()["error"]
        message, code = str(body["message"]), str(body["code"])
    except (ValueError, KeyError, TypeError):
        body, code = {}, "unknown"
        url = str(response.url.copy_with(query=None))
        message = f"{url} returned {response.status_code} without an error of the API. Check the server's URL."
        if response.has_redirect_location:
            message = f"The server redirects to {response.headers['Location']}. Use the URL of that server."
    error_class = ServerError if response.status_code >= 500 else _BY_STATUS.get(response.status_code, InvalidRequest)
    return error_class(
        message, status=response.status_code, code=code, body=body, retry_after=parse_retry_after(response)
    )


def parse_retry_after(response: httpx.Response) -> float | None:
    """Returns the seconds of the Retry-After header, or None if there are none."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
