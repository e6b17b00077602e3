"""Exit codes of the commands. `mutoscope --help` prints them."""

from __future__ import annotations

from mutoscope.errors import (
    AuthenticationError,
    BatchError,
    ConfigurationError,
    ConnectionFailed,
    InvalidRequest,
    LimitExceeded,
    MutoscopeError,
    NotFound,
    PermissionDenied,
    ServerError,
)

FAILED, USAGE, AUTHENTICATION, NOT_FOUND, LIMIT_EXCEEDED, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130

DESCRIPTIONS = {
    0: "success",
    FAILED: "the video failed or is not ready, or a file cannot be read or written",
    USAGE: "the command or the request is invalid",
    AUTHENTICATION: "the API key is missing, invalid or lacks a scope",
    NOT_FOUND: "your team has no such video or batch",
    LIMIT_EXCEEDED: "a quota or a rate limit is exceeded",
    UNREACHABLE: "the server does not respond or failed",
    INTERRUPTED: "interrupted by Ctrl-C",
}

_CODES: tuple[tuple[tuple[type[MutoscopeError], ...], int], ...] = (
    ((InvalidRequest, BatchError), USAGE),
    ((AuthenticationError, PermissionDenied, ConfigurationError), AUTHENTICATION),
    ((NotFound,), NOT_FOUND),
    ((LimitExceeded,), LIMIT_EXCEEDED),
    ((ServerError, ConnectionFailed), UNREACHABLE),
)


def exit_code_for(error: MutoscopeError) -> int:
    return next((code for error_types, code in _CODES if isinstance(error, error_types)), FAILED)
