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

NOT_MADE, USAGE, AUTHENTICATION, ABSENT, LIMITED, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130

MEANINGS = {
    0: "done",
    NOT_MADE: "the video was not made, is not there yet, or a file cannot be read or written",
    USAGE: "something about the command or the request has to change",
    AUTHENTICATION: "no key, or one that may not do this",
    ABSENT: "there is no such thing in your team",
    LIMITED: "a quota or a rate limit is used up",
    UNREACHABLE: "the server does not answer, or failed",
    INTERRUPTED: "stopped by Ctrl-C",
}

_CODES: tuple[tuple[tuple[type[MutoscopeError], ...], int], ...] = (
    ((InvalidRequest, BatchError), USAGE),
    ((AuthenticationError, PermissionDenied, ConfigurationError), AUTHENTICATION),
    ((NotFound,), ABSENT),
    ((LimitExceeded,), LIMITED),
    ((ServerError, ConnectionFailed), UNREACHABLE),
)


def exit_code_of(error: MutoscopeError) -> int:
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), NOT_MADE)
