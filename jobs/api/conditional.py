"""Conditional requests, by Django's rules: weak and strong tags, lists of tags, `*`, If-Match."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from jobs.api.errors import PreconditionFailed

# Headers that make a request fail, as opposed to If-None-Match.
PRECONDITIONS = ("If-Match", "If-Unmodified-Since")


def json_with_etag(
    request: HttpRequest, body: Mapping[str, Any], more_headers: Mapping[str, str] = MappingProxyType({})
) -> HttpResponse:
    """Return the body with its ETag, or 304 if the client has it already.

    Raise PreconditionFailed if If-Match names other tags only, and for If-Unmodified-Since, since there is no date.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **more_headers}
    whole = HttpResponse(text, content_type="application/json", headers=headers)
    response = cast("HttpResponse", get_conditional_response(request, etag=etag, response=whole))
    check_precondition(request, response)
    # Django leaves other headers out of a 304; clients of the API read them there too.
    for name, value in more_headers.items():
        response[name] = value
    return response


def check_precondition(request: HttpRequest, response: HttpResponseBase) -> None:
    """Raise PreconditionFailed if that is the status of the response."""
    if response.status_code == PreconditionFailed.status:
        header = next(name for name in PRECONDITIONS if name in request.headers)
        raise PreconditionFailed(
            "The resource does not match the header %(header)s. Send the request without that header.",
            {"header": header},
            param=header,
        )
