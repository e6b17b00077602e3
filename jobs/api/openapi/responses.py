"""The error responses of operations by status, and the headers of responses."""

from http import HTTPStatus
from typing import Any

_ERROR_DESCRIPTIONS = {
    400: "The request is malformed: its body, its headers or its charset.",
    401: "The API key is missing or invalid.",
    403: "The API key lacks a scope, or the role of the member does not allow this.",
    404: "The resource does not exist or belongs to another team.",
    405: "This endpoint does not support the method. `Allow` lists the supported methods.",
    406: "The response can only be JSON.",
    408: "The body did not arrive in time.",
    409: "The current state does not allow this.",
    410: "The file was deleted.",
    413: "The body or the image is too large.",
    415: "The Content-Type or the format of the image is not supported.",
    416: "The file has no such range. `Content-Range` contains its size.",
    422: "A field is invalid. `details` lists each invalid field.",
    429: "A rate limit, a quota or the limit of the queue is exceeded. Try again after `Retry-After` seconds.",
    500: "An internal error. Include the `request_id` in a report.",
    503: "A required server does not respond. Try again after `Retry-After` seconds.",
}
_SUCCESS_DESCRIPTIONS = {
    "200": "Success.",
    "201": "Created.",
    "202": "Accepted. Processing continues after the response.",
    "206": "The requested part.",
    "304": "Not modified since the state in If-None-Match.",
}
_COMMON_STATUSES = (401, 403, 404, 405, 406, 429, 500, 503)
_BODY_STATUSES = (400, 408, 413, 415, 422)
_QUERY_STATUSES = (400, 422)
_WRITE_STATUSES = (409, 410)
_CONTENT_OPERATION = "videos_content"
_RESULTS_OPERATION = "batches_results"
# Operations whose response has a Location, and operations whose 202 has no Retry-After.
_OPERATIONS_WITH_LOCATION = {"videos_create", "videos_remix", "batches_create", "gallery_publish"}
_OPERATIONS_WITHOUT_RETRY_AFTER = {"webhooks_ping", "webhooks_redeliver"}
_VIDEO_MEDIA_TYPES = ("video/mp4", "image/gif", "image/jpeg")
_STATUSES_WITH_RETRY_AFTER = {429, 503}


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": schema or {"type": "string"}}


_HEADERS = {
    "X-Request-Id": _header("Request id, also in our logs. A valid id sent by the client is reused."),
    "RateLimit-Policy": _header(
        'The limits that apply to this request: `"team";q=600;w=60` means 600 requests in 60 seconds.'
    ),
    "RateLimit": _header(
        'The remaining requests: `"team";r=598;t=60` means 598 requests. The oldest counted one expires in 60 seconds.'
    ),
    "Retry-After": _header("Seconds to wait before a retry.", type="integer", minimum=0),
    "Location": _header("The URL of the created resource.", type="string", format="uri-reference"),
    "ETag": _header("Identifies this state. Send it as If-None-Match to receive 304 while the state is the same."),
    "Allow": _header("The methods of this endpoint."),
    "WWW-Authenticate": _header("The supported authentication scheme."),
    "Content-Range": _header("The part of the file in this response."),
    "Accept-Ranges": _header("`bytes`: ranges are supported."),
    "Content-Disposition": _header("The name of the file."),
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
    """Replace 4XX and 5XX by one response for each status, and add headers to successful responses."""
    responses = operation["responses"]
    schema = _error_schema(responses)
    for code in ("4XX", "5XX"):
        responses.pop(code, None)
    for status, response in responses.items():
        response["description"] = response.get("description") or _SUCCESS_DESCRIPTIONS.get(status, "Success.")
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
    """Return the name of the error schema, or None if the operation describes its errors itself."""
    if "4XX" not in responses:
        return None if any(code.startswith("4") for code in responses) else "Error"
    name: str = responses["4XX"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return name if name in {"Error", "LegacyError"} else None


def _error_statuses(method: str, operation: dict[str, Any]) -> set[int]:
    statuses = {*_COMMON_STATUSES}
    if "requestBody" in operation:
        statuses |= {*_BODY_STATUSES}
    if any(parameter["in"] != "path" for parameter in operation.get("parameters", [])):
        statuses |= {*_QUERY_STATUSES}
    if method != "get":
        statuses |= {*_WRITE_STATUSES}
    if operation["operationId"] == _CONTENT_OPERATION:
        statuses |= {409, 410, 416}
    if operation["operationId"] == _RESULTS_OPERATION:
        statuses |= {409}
    return statuses


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
