"""What can go wrong at the site's edge, as one tree.

MutoscopeError
├── Malformed            400  the body cannot be parsed
├── Unauthenticated      401  no credentials, or wrong ones
├── Forbidden            403  the key's scopes or the member's role do not allow it
├── NotFound             404  absent, or another team's
├── Conflict             409  the present state does not allow it
├── Gone                 410  it was there, and its retention is over
├── TooLarge             413  body or picture beyond the limits
├── UnsupportedPicture   415  not a picture that we read
├── InvalidField         422  a field breaks its rule
├── LimitExceeded        429  a rate, quota or queue limit; carries when to try again
└── Overloaded           503  a server that we need does not answer

Each error carries a stable `code`, an HTTP `status` and a message that tells a person what to change.
"""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Detail:
    """One field's complaint: where it is, what to change, and a stable word for the kind of fault."""

    loc: tuple[str, ...]
    msg: str
    type: str

    def as_json(self) -> dict[str, Any]:
        return {"loc": list(self.loc), "msg": self.msg, "type": self.type}


class MutoscopeError(Exception):
    """Base of all errors that reach a client. `type` is the family, `code` the exact case."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    default_code: ClassVar[str] = "internal"
    default_retry_after_seconds: ClassVar[int | None] = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        details: tuple[Detail, ...] = (),
        extra: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.details = details
        self.extra = extra or {}
        self.retry_after_seconds = retry_after_seconds or self.default_retry_after_seconds


class Malformed(MutoscopeError):
    status, type, default_code = 400, "invalid_request_error", "malformed_body"


class Unauthenticated(MutoscopeError):
    status, type, default_code = 401, "authentication_error", "unauthenticated"


class Forbidden(MutoscopeError):
    status, type, default_code = 403, "permission_error", "forbidden"


class NotFound(MutoscopeError):
    status, type, default_code = 404, "not_found_error", "not_found"


class Conflict(MutoscopeError):
    status, type, default_code = 409, "conflict_error", "conflict"


class Gone(MutoscopeError):
    status, type, default_code = 410, "gone_error", "expired"


class TooLarge(MutoscopeError):
    status, type, default_code = 413, "invalid_request_error", "too_large"


class UnsupportedImage(MutoscopeError):
    status, type, default_code = 415, "invalid_request_error", "picture_unsupported"


class InvalidField(MutoscopeError):
    status, type, default_code = 422, "invalid_request_error", "invalid_field"


class LimitExceeded(MutoscopeError):
    """`extra` names scope, limit, remaining and reset (seconds)."""

    status, type, default_code = 429, "rate_limit_error", "rate_limited"
    # Credits may be granted, or room be made, at any time: where `reset` is not known, asking now and then is right.
    default_retry_after_seconds = 3600


class Overloaded(MutoscopeError):
    status, type, default_code = 503, "overloaded_error", "overloaded"
    default_retry_after_seconds = 2
