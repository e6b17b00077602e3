"""Every error that an operation can answer with, by status, and the headers of its answers."""

from http import HTTPStatus
from typing import Any

_ERROR_DESCRIPTIONS = {
    400: "The request cannot be read: body, headers or an unknown charset.",
    401: "No API key, or one that does not work.",
    403: "The key lacks a scope, or the member's role does not allow this.",
    404: "It does not exist, or belongs to another team.",
    405: "This address does not take that method; `Allow` names those that it takes.",
    406: "The answer can only be JSON.",
    408: "The body took too long to arrive.",
    409: "The present state does not allow this.",
    410: "It was there, and its file is deleted.",
    411: "The body has no Content-Length.",
    413: "The body or the picture is too large.",
    415: "Not a media type, or not a picture, that is read here.",
    416: "The file has no such range; `Content-Range` says how long it is.",
    422: "A field breaks its rule; `details` names each.",
    429: "A rate, a quota or the queue is full; `Retry-After` says when to try again.",
    500: "A fault of ours. Quote the `request_id`.",
    503: "A server that is needed does not answer. Try again after `Retry-After` seconds.",
}
_SUCCESS_DESCRIPTIONS = {
    "200": "Done.",
    "201": "Made.",
    "202": "Accepted; the work goes on.",
    "206": "The part that was asked for.",
    "304": "Nothing changed since the state that If-None-Match names.",
}
_COMMON_STATUSES = (401, 403, 404, 405, 406, 429, 500, 503)
_BODY_STATUSES = (400, 408, 411, 413, 415, 422)
_QUERY_STATUSES = (400, 422)
_WRITE_STATUSES = (409, 410)
_CONTENT_OPERATION = "videos_content"
_RESULTS_OPERATION = "batches_results"
# Answers that say where the new thing lies, and those that accept what nobody waits for.
_OPERATIONS_WITH_LOCATION = {"videos_create", "videos_remix", "batches_create", "gallery_publish"}
_OPERATIONS_WITHOUT_RETRY_AFTER = {"webhooks_ping", "webhooks_redeliver"}
_VIDEO_MEDIA_TYPES = ("video/mp4", "image/gif", "image/jpeg")
_STATUSES_WITH_RETRY_AFTER = {429, 503}


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": schema or {"type": "string"}}


_HEADERS = {
    "X-Request-Id": _header("The call's id, also in our logs. A harmless one that is sent is kept."),
    "RateLimit-Policy": _header('The limits that count this call: `"team";q=600;w=60` is 600 calls in 60 seconds.'),
    "RateLimit": _header('What is left: `"team";r=598;t=60` is 598 calls, the next one is free in 60 seconds.'),
    "Retry-After": _header("Seconds to wait before the next try.", type="integer", minimum=0),
    "Location": _header("Where to look from now on.", type="string", format="uri-reference"),
    "ETag": _header("Names this state; sent as If-None-Match it gives 304 while nothing changed."),
    "Allow": _header("The methods of this address."),
    "WWW-Authenticate": _header("How to show who calls."),
    "Content-Range": _header("Which part of the file this is."),
    "Accept-Ranges": _header("`bytes`: parts can be asked for."),
    "Content-Disposition": _header("The file's name."),
}


def _header_refs(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _error_response(status: int, schema: str) -> dict[str, Any]:
    more = [*(["Retry-After"] if status in _STATUSES_WITH_RETRY_AFTER else []), *(["Allow"] if status == 405 else [])]
    more += ["WWW-Authenticate"] if status == 401 else []
    return {
        "description": _ERROR_DESCRIPTIONS[status],
        "headers": _header_refs("X-Request-Id", *more),
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _component_name(status: int, schema: str) -> str:
    return f"{'Legacy' if schema == 'LegacyError' else ''}{HTTPStatus(status).phrase.title().replace(' ', '')}"


COMPONENTS: dict[str, dict[str, Any]] = {
    "headers": _HEADERS,
    "responses": {
        _component_name(status, schema): _error_response(status, schema)
        for schema in ("Error", "LegacyError")
        for status in _ERROR_DESCRIPTIONS
    },
}


def complete_responses(path: str, method: str, operation: dict[str, Any]) -> None:
    """Puts one response a status in the place of 4XX and 5XX, and headers on those that succeed."""
    responses = operation["responses"]
    schema = _error_schema(responses)
    for code in ("4XX", "5XX"):
        responses.pop(code, None)
    for status, response in responses.items():
        response["description"] = response.get("description") or _SUCCESS_DESCRIPTIONS.get(status, "Done.")
        response.setdefault("headers", {}).update(_header_refs(*_success_headers(status, operation)))
    if schema is not None:
        for status in _error_statuses(method, operation):
            responses.setdefault(str(status), {"$ref": f"#/components/responses/{_component_name(status, schema)}"})
    if operation["operationId"] == _CONTENT_OPERATION:
        for status in ("200", "206"):
            responses[status]["content"] = {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in _VIDEO_MEDIA_TYPES
            }
    operation["responses"] = dict(sorted(responses.items()))


def _error_schema(responses: dict[str, Any]) -> str | None:
    """Error, or what a dialect has of its own: None, where it describes its errors itself."""
    if "4XX" not in responses:
        return None if any(code.startswith("4") for code in responses) else "Error"
    named: str = responses["4XX"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return named if named in {"Error", "LegacyError"} else None


def _error_statuses(method: str, operation: dict[str, Any]) -> set[int]:
    found = {*_COMMON_STATUSES}
    if "requestBody" in operation:
        found |= {*_BODY_STATUSES}
    if any(parameter["in"] != "path" for parameter in operation.get("parameters", [])):
        found |= {*_QUERY_STATUSES}
    if method != "get":
        found |= {*_WRITE_STATUSES}
    if operation["operationId"] == _CONTENT_OPERATION:
        found |= {409, 410, 416}
    if operation["operationId"] == _RESULTS_OPERATION:
        found |= {409}
    return found


def _success_headers(status: str, operation: dict[str, Any]) -> list[str]:
    names = ["X-Request-Id", "RateLimit-Policy", "RateLimit"]
    if status in {"201", "202"} and operation["operationId"] in _OPERATIONS_WITH_LOCATION:
        names += ["Location"]
    if status == "202" and operation["operationId"] not in _OPERATIONS_WITHOUT_RETRY_AFTER:
        names += ["Retry-After"]
    if operation["operationId"] in {"videos_retrieve", "batches_retrieve", _CONTENT_OPERATION}:
        names += ["ETag"]
    if operation["operationId"] == _CONTENT_OPERATION:
        names += ["Accept-Ranges", "Content-Disposition", *(["Content-Range"] if status == "206" else [])]
    return names
