"""Conditional GET for JSON: each response has an ETag, and is 304 if the client has the current state."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified


def json_with_etag(
    request: HttpRequest, body: Mapping[str, Any], more_headers: Mapping[str, str] = MappingProxyType({})
) -> HttpResponse:
    """Return the body with its ETag, or 304 if the request has the same ETag in If-None-Match."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **more_headers}
    if_none_match = request.headers.get("If-None-Match", "")
    if etag in if_none_match or if_none_match.strip() == "*":
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(text, content_type="application/json", headers=headers)
