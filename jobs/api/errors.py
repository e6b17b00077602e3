"""Responses for errors of the API, in the envelopes of /v1, of the legacy /generate, and of third-party SDKs."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

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
from rest_framework import serializers
from rest_framework.response import Response

from common import temporary_files
from common.db_errors import is_transient
from common.errors import (
    Detail,
    Forbidden,
    Malformed,
    MutoscopeError,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthenticated,
    invalid_fields,
)
from common.messages import Message
from jobs.api.field_errors import flatten_errors, message_of, printable
from jobs.api.shapes import Url

log = structlog.get_logger(__name__)

# A body may contain a million errors. The response lists this many.
_MAX_DETAILS = 50
# Paths for third-party SDKs, which expect another form of errors.
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
    """Return the error that the client receives, or None for an internal error."""
    if isinstance(error, MutoscopeError):
        return error
    if isinstance(error, drf.ValidationError):
        return invalid_fields(
            *(
                Detail(location, message_of(text), str(getattr(text, "code", "invalid")))
                for location, text in islice(flatten_errors(error.detail), _MAX_DETAILS)
            )
        )
    if is_transient(error):
        log.warning("database_unavailable", reason=str(error).strip())
        return Overloaded("The database does not respond. Try again in a moment.")
    if (overloaded := temporary_files.as_overloaded(error)) is not None:
        return overloaded
    simple: dict[type[Exception] | tuple[type[Exception], ...], MutoscopeError] = {
        (Http404, drf.NotFound): NotFound("There is nothing at this URL."),
        drf.MethodNotAllowed: MethodNotAllowed(
            "This URL does not support the method of the request. The Allow header lists the supported methods."
        ),
        drf.UnsupportedMediaType: UnsupportedMediaType(
            "Unsupported Content-Type. Use application/json or multipart/form-data."
        ),
        drf.NotAcceptable: NotAcceptable("The response is always JSON. Send Accept: application/json."),
        (drf.NotAuthenticated, drf.AuthenticationFailed): Unauthenticated("Sign in, or send an API key."),
        RequestDataTooBig: TooLarge("The request body is too large. Send a smaller image.", code="body_too_large"),
        TooManyFieldsSent: Malformed(
            "The form has more than %(limit)s fields.", {"limit": settings.DATA_UPLOAD_MAX_NUMBER_FIELDS}
        ),
        TooManyFilesSent: Malformed(
            "The form has more than %(limit)s files.", {"limit": settings.DATA_UPLOAD_MAX_NUMBER_FILES}
        ),
        drf.ParseError: Malformed(
            "The request body cannot be parsed. %(reason)s", {"reason": printable(getattr(error, "detail", ""))}
        ),
        SuspiciousOperation: Malformed("The request is malformed."),
    }
    if isinstance(error, drf.PermissionDenied | PermissionDenied):
        reason = str(getattr(error, "detail", "")) or str(error)
        return Forbidden(Message(reason)) if reason else Forbidden("You do not have permission to do this.")
    return next((result for kinds, result in simple.items() if isinstance(error, kinds)), None)


def with_supported_media_types(error: MutoscopeError, parsers: Iterable[Any]) -> MutoscopeError:
    """Return the error; if it is an unsupported Content-Type, with the media types that the view accepts."""
    if not isinstance(error, UnsupportedMediaType):
        return error
    supported = [parser.media_type for parser in parsers]
    return UnsupportedMediaType(
        "Unsupported Content-Type. Use %(media_types)s.",
        {"media_types": " or ".join(supported)},
    )


class DetailShape(TypedDict):
    loc: list[str]
    msg: str
    type: str
    nearest: NotRequired[
        Annotated[list[Any], {"field": serializers.ListField, "help_text": "the nearest values that the model takes"}]
    ]


class ErrorBodyShape(TypedDict):
    type: str
    code: str
    message: str
    param: str | None
    request_id: str
    doc_url: Annotated[Url, {"help_text": "documentation of this code: cause and solution"}]
    details: list[DetailShape]


def error_envelope(error: MutoscopeError, request_id: str) -> dict[str, Any]:
    """Return the body of an error of /v1. `extra` of the error is beside the fields that every error has."""
    body: ErrorBodyShape = {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "request_id": request_id,
        "doc_url": f"{settings.SITE_URL}/docs/errors#{error.code}",
        "details": [_detail_as_json(detail) for detail in error.details],
    }
    return {"error": {**body, **error.extra}}


def _detail_as_json(detail: Detail) -> DetailShape:
    body: DetailShape = {"loc": list(detail.loc), "msg": str(detail.message), "type": detail.type}
    return {**body, "nearest": list(detail.nearest)} if detail.nearest else body


def storable_error(error: MutoscopeError, request_id: str) -> dict[str, Any]:
    """Return the error for a JSON column: its messages keep template and parameters."""
    stored: dict[str, Any] = error_envelope(error, request_id)["error"]
    details = [{**_detail_as_json(detail), "msg": detail.message.as_json()} for detail in error.details]
    return {**stored, "message": error.text.as_json(), "details": details}


def rendered_error(stored: dict[str, Any]) -> ErrorBodyShape:
    """Return a stored error as the API sends it; errors of earlier releases are complete texts."""
    rendered = {**stored, "message": str(Message.from_json(stored["message"]))}
    if "details" in stored:
        rendered["details"] = [{**detail, "msg": str(Message.from_json(detail["msg"]))} for detail in stored["details"]]
    return cast(ErrorBodyShape, rendered)


def problem_details(error: MutoscopeError, status: int) -> dict[str, Any]:
    """Return the body of an error for third-party SDKs, which read `detail` (RFC 9457) or `message`."""
    return {
        "title": error.type.replace("_", " ").capitalize(),
        "detail": error.message,
        "message": error.message,
        "status": status,
        "error_type": error.code,
        "errors": [_detail_as_json(detail) for detail in error.details],
        **error.extra,
    }


class LegacyErrorShape(TypedDict):
    task_id: str | None
    status: Literal["failed"]
    error: str
    code: str


def legacy_error_envelope(error: MutoscopeError, task_id: str | None = None) -> LegacyErrorShape:
    """Return the body of an error of /generate."""
    return {"task_id": task_id, "status": "failed", "error": error.message, "code": legacy_code(error)}


def legacy_code(error: MutoscopeError) -> str:
    """Return the error code of the legacy endpoint."""
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
    """Return the status, which is that of /v1 except for GPU memory: the legacy endpoint has always used 429 for it."""
    return 429 if error.code == "gpu_memory_impossible" else error.status


def error_headers(error: MutoscopeError) -> dict[str, str]:
    """Return the headers Retry-After, WWW-Authenticate and X-Should-Retry of an error, if they apply."""
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    if error.status == 409 or error.code == "quota_exceeded":
        # OpenAI's SDKs would repeat these at once.
        headers["X-Should-Retry"] = "false"
    return headers | ({"WWW-Authenticate": "Bearer"} if error.status == 401 else {})


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Handle exceptions of views of /v1. Django turns internal errors into a 500."""
    client_error = as_mutoscope_error(error)
    if client_error is None:
        return None
    client_error = with_supported_media_types(client_error, context["view"].parser_classes)
    body = error_envelope(client_error, context["request"]._request.request_id)
    return Response(body, status=client_error.status, headers=error_headers(client_error))


def json_error(request: HttpRequest, error: MutoscopeError) -> JsonResponse:
    """Return the response for an error outside the views, such as a URL that does not exist."""
    if request.path.endswith("/generate"):
        body: Mapping[str, Any] = legacy_error_envelope(error)
    elif request.path.startswith(COMPAT_PREFIXES):
        body = problem_details(error, error.status)
    else:
        body = error_envelope(error, getattr(request, "request_id", ""))
    headers = error_headers(error)
    if request.path.startswith("/fal/"):
        headers["X-Fal-Request-Id"] = getattr(request, "request_id", "")
    return JsonResponse(body, status=error.status, headers=headers)
