"""What a command's exit code says. Printed by `mutoscope --help`."""

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
    0: "done",
    FAILED: "the video was not made, is not there yet, or a file cannot be read or written",
    USAGE: "something about the command or the request has to change",
    AUTHENTICATION: "no key, or one that may not do this",
    NOT_FOUND: "there is no such thing in your team",
    LIMIT_EXCEEDED: "a quota or a rate limit is used up",
    UNREACHABLE: "the server does not answer, or failed",
    INTERRUPTED: "stopped by Ctrl-C",
}

_CODES: tuple[tuple[tuple[type[MutoscopeError], ...], int], ...] = (
    ((InvalidRequest, BatchError), USAGE),
    ((AuthenticationError, PermissionDenied, ConfigurationError), AUTHENTICATION),
    ((NotFound,), NOT_FOUND),
    ((LimitExceeded,), LIMIT_EXCEEDED),
    ((ServerError, ConnectionFailed), UNREACHABLE),
)


def exit_code_for(error: MutoscopeError) -> int:
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), FAILED)
