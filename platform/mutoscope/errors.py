"""What can go wrong, as one tree.

MutoscopeError
├── ApiError             the portal refused; carries status, code, message, param, request_id
│   ├── InvalidRequest       400, 411, 413, 415, 422: change what was sent
│   ├── AuthenticationError  401: no key, or one that does not work
│   ├── PermissionDenied     403: the key lacks a scope
│   ├── NotFound             404
│   ├── Conflict             409
│   ├── Gone                 410
│   ├── LimitExceeded        429: try again after `retry_after` seconds
│   └── ServerError          5xx
├── ConnectionFailed     no answer, also after trying again
├── ConfigurationError   no key or address, or one that cannot be
├── BatchError           a list of requests cannot be read
├── FileError            a file here cannot be read or written
├── WaitTimeout          the video is not done in the time that was given; it goes on
└── VideoNotMade         it failed, was canceled or expired; carries the video
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from mutoscope.models import Video


class MutoscopeError(Exception):
    """Base of all errors of this package."""


class ApiError(MutoscopeError):
    """The portal's answer to a call that it refused. The message says what to change."""

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
    """It ended without a video."""

    def __init__(self, video: Video) -> None:
        super().__init__(video.error_message or f"The video is {video.status}.")
        self.video = video


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: LimitExceeded,
}


def error_from_response(response: httpx.Response) -> ApiError:
    """The error that an answer stands for; also one that no portal wrote, such as a proxy's page."""
    try:
        body = response.json()["error"]
        message, code = str(body["message"]), str(body["code"])
    except (ValueError, KeyError, TypeError):
        body, code = {}, "unknown"
        address = str(response.url.copy_with(query=None))
        message = f"{address} answered {response.status_code}, but not as a portal does. Check the server's address."
        if response.has_redirect_location:
            message = f"The server sends us elsewhere: use the address of {response.headers['Location']}"
    family = ServerError if response.status_code >= 500 else _BY_STATUS.get(response.status_code, InvalidRequest)
    return family(message, status=response.status_code, code=code, body=body, retry_after=parse_retry_after(response))


def parse_retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, or None."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
