"""Every error of the API leaves through here, in one of two envelopes: that of /v1, and that of the old /generate."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from common.db_errors import is_transient
from common.errors import (
    Detail,
    Forbidden,
    InvalidField,
    Malformed,
    MutoscopeError,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthenticated,
)

log = structlog.get_logger(__name__)

_MAX_QUOTE_LENGTH = 300
# A body may hold a million mistakes; nobody reads on.
_MAX_DETAILS = 50
# Addresses for the SDKs of others, which read errors in another form.
COMPAT_PREFIXES = ("/replicate/", "/fal/")


class MethodNotAllowed(MutoscopeError):
    status, type, default_code = 405, "invalid_request_error", "method_not_allowed"


class UnsupportedMediaType(MutoscopeError):
    status, type, default_code = 415, "invalid_request_error", "unsupported_media_type"


class RangeNotSatisfiable(MutoscopeError):
    status, type, default_code = 416, "invalid_request_error", "range_not_satisfiable"


class PreconditionFailed(MutoscopeError):
    status, type, default_code = 412, "invalid_request_error", "precondition_failed"


class NotAcceptable(MutoscopeError):
    status, type, default_code = 406, "invalid_request_error", "not_acceptable"


def as_mutoscope_error(error: Exception) -> MutoscopeError | None:
    """Any error that a client may see as one of our tree; None for a fault of ours."""
    if isinstance(error, MutoscopeError):
        return error
    if isinstance(error, drf.ValidationError):
        details = tuple(islice(_flatten_details(error.detail), _MAX_DETAILS))
        first = details[0]
        return InvalidField(f"{'.'.join(first.loc)}: {first.msg}", param=first.loc[0], details=details)
    if is_transient(error):
        log.warning("database_unavailable", reason=str(error).strip())
        return Overloaded("The database does not answer. Try again in a moment.")
    simple: dict[type[Exception] | tuple[type[Exception], ...], MutoscopeError] = {
        (Http404, drf.NotFound): NotFound("There is nothing at this address."),
        drf.MethodNotAllowed: MethodNotAllowed(
            "This address does not take that method; the header Allow names those that it takes."
        ),
        drf.UnsupportedMediaType: UnsupportedMediaType("The body's Content-Type is none that is taken here."),
        drf.NotAcceptable: NotAcceptable("The answer can only be JSON. Accept application/json."),
        (drf.NotAuthenticated, drf.AuthenticationFailed): Unauthenticated("Sign in, or send an API key."),
        RequestDataTooBig: TooLarge("The body is too large. Send a smaller picture.", code="body_too_large"),
        TooManyFieldsSent: Malformed(f"The form has more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} fields."),
        TooManyFilesSent: Malformed(f"The form has more than {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files."),
        drf.ParseError: Malformed(f"The body cannot be parsed. {getattr(error, 'detail', '')}".strip()),
        (drf.PermissionDenied, PermissionDenied): Forbidden(str(getattr(error, "detail", "")) or "Not allowed."),
        SuspiciousOperation: Malformed("The request is malformed."),
    }
    return next((answer for kinds, answer in simple.items() if isinstance(error, kinds)), None)


def with_supported_media_types(error: MutoscopeError, parsers: Iterable[Any]) -> MutoscopeError:
    """The error; where a body came in another form than a view's parsers take, with the forms that they take."""
    if not isinstance(error, UnsupportedMediaType):
        return error
    supported = [parser.media_type for parser in parsers]
    return UnsupportedMediaType(f"Send the body as {' or '.join(supported)}, and say so in Content-Type.")


def _flatten_details(detail: Any, loc: tuple[str, ...] = ()) -> Iterator[Detail]:
    """DRF's nested complaints, flattened."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flatten_details(inner, (*loc, str(name)) if name != "non_field_errors" else loc)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten_details(inner, loc)
    else:
        location = tuple(_printable(part) for part in loc) or ("body",)
        yield Detail(location, _printable(str(detail)), getattr(detail, "code", "invalid"))


def _printable(text: str) -> str:
    """Complaints quote what was sent: neither half a surrogate pair nor NUL can be kept, five megabytes help nobody."""
    return text[:_MAX_QUOTE_LENGTH].replace("\0", "?").encode("utf-8", "replace").decode()


def error_envelope(error: MutoscopeError, request_id: str) -> dict[str, Any]:
    """The body of an error of /v1."""
    return {
        "error": {
            "type": error.type,
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "request_id": request_id,
            "doc_url": f"{settings.SITE_URL}/docs/errors#{error.code}",
            "details": [detail.as_json() for detail in error.details],
            **error.extra,
        }
    }


def problem_details(error: MutoscopeError, status: int) -> dict[str, Any]:
    """The body of an error at the addresses for the SDKs of others: both read `detail` (RFC 9457)."""
    return {
        "title": error.type.replace("_", " ").capitalize(),
        "detail": error.message,
        "status": status,
        "error_type": error.code,
        "errors": [detail.as_json() for detail in error.details],
        **error.extra,
    }


def legacy_error_envelope(error: MutoscopeError, task_id: str | None = None) -> dict[str, Any]:
    """The body of an error of /generate."""
    return {"task_id": task_id, "status": "failed", "error": error.message, "code": legacy_code(error)}


def legacy_code(error: MutoscopeError) -> str:
    """The old endpoint's word for an error."""
    by_code = {"gpu_memory_impossible": "RESOURCE_EXHAUSTED", "quota_exceeded": "QUOTA_EXCEEDED"}
    by_status = {
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        429: "RATE_LIMITED",
        500: "INTERNAL",
        503: "INTERNAL",
    }
    return by_code.get(error.code) or by_status.get(error.status, "INVALID_ARGUMENT")


def legacy_status(error: MutoscopeError) -> int:
    """As in /v1, but for memory: the old endpoint always said 429 for it."""
    return 429 if error.code == "gpu_memory_impossible" else error.status


def error_headers(error: MutoscopeError) -> dict[str, str]:
    """When to come again, and with what."""
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    return headers | ({"WWW-Authenticate": "Bearer"} if error.status == 401 else {})


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's handler for /v1. What is nobody's fault but ours goes on to Django and becomes a 500."""
    known = as_mutoscope_error(error)
    if known is None:
        return None
    known = with_supported_media_types(known, context["view"].parser_classes)
    request = context["request"]
    return Response(
        error_envelope(known, request._request.request_id), status=known.status, headers=error_headers(known)
    )


def json_error(request: HttpRequest, error: MutoscopeError) -> JsonResponse:
    """An error outside any view of ours, such as an address that does not exist."""
    if request.path.endswith("/generate"):
        body = legacy_error_envelope(error)
    elif request.path.startswith(COMPAT_PREFIXES):
        body = problem_details(error, error.status)
    else:
        body = error_envelope(error, getattr(request, "request_id", ""))
    return JsonResponse(body, status=error.status, headers=error_headers(error))
