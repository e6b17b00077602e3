"""The errors that reach clients, as one tree.

MutoscopeError
├── Malformed            400  the body cannot be parsed
├── Unauthenticated      401  credentials are missing or wrong
├── Forbidden            403  the key's scopes or the member's role do not allow it
├── NotFound             404  it does not exist, or it belongs to another team
├── Conflict             409  the current state does not allow it
├── Gone                 410  it existed, and its retention period is over
├── TooLarge             413  body or image exceeds a limit
├── UnsupportedImage     415  the image format is not supported
├── InvalidField         422  a field breaks its rule
├── LimitExceeded        429  a rate, quota or queue limit; says when to retry
└── Overloaded           503  a server that we need does not respond

Each error carries a stable `code`, an HTTP `status` and a message that says what happened and what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from common.messages import Message


@dataclass(frozen=True)
class Detail:
    """One invalid field: its location, a message, a stable code for the kind of error, and the nearest valid values."""

    loc: tuple[str, ...]
    message: Message
    type: str
    nearest: tuple[str | int | float, ...] = ()


class MutoscopeError(Exception):
    """Base of all errors that reach a client. `type` is the family, `code` the exact case.

    template: an English literal with `%(name)s` placeholders, or a Message that exists already.
    params: the values of the placeholders. param: the field of the request that the error is about.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    default_code: ClassVar[str] = "internal"
    default_retry_after_seconds: ClassVar[int | None] = None

    def __init__(
        self,
        template: str | Message,
        params: Mapping[str, Any] | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        details: tuple[Detail, ...] = (),
        extra: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.text = template if isinstance(template, Message) else Message(template, params or {})
        super().__init__(str(self.text))
        self.code = code or self.default_code
        self.param = param
        self.details = details
        self.extra = extra or {}
        self.retry_after_seconds = retry_after_seconds or self.default_retry_after_seconds

    @property
    def message(self) -> str:
        """The message in English, for programs and logs."""
        return str(self.text)

    def localized(self) -> str:
        """Return the message in the language of the page that is being rendered."""
        return self.text.localized()


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
    # Credits may be granted, or a limit raised, at any time: without a known `reset`, an occasional retry makes sense.
    default_retry_after_seconds = 3600


class Overloaded(MutoscopeError):
    status, type, default_code = 503, "overloaded_error", "overloaded"
    default_retry_after_seconds = 2


def internal_error() -> MutoscopeError:
    """Return the error for a fault of this site, whose cause is in the log only."""
    return MutoscopeError("An internal error occurred. Try again; if it happens again, report the request_id.")


_AT_FIELD = "%(field)s: %(problem)s"


def invalid_fields(*details: Detail, family: type[MutoscopeError] = InvalidField, **options: Any) -> MutoscopeError:
    """Return the error that lists these details; its message is the first one's.

    options: `code`, `extra` and `retry_after_seconds` of the error.
    """
    first = details[0]
    message = Message(_AT_FIELD, {"field": ".".join(first.loc), "problem": first.message})
    return family(message, param=first.loc[0], details=details, **options)


def invalid_field(
    name: str,
    template: str | Message,
    params: Mapping[str, Any] | None = None,
    *,
    code: str = "invalid",
    family: type[MutoscopeError] = InvalidField,
    **options: Any,
) -> MutoscopeError:
    """Return the error about one field. `code` is the detail's; see `invalid_fields` for the options."""
    message = template if isinstance(template, Message) else Message(template, params or {})
    return invalid_fields(Detail((name,), message, code), family=family, **options)
