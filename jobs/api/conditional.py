"""Conditional GET for JSON: an ETag with each response, 304 where the client has it already."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified


def json_with_etag(
    request: HttpRequest, body: dict[str, Any], more_headers: Mapping[str, str] = MappingProxyType({})
) -> HttpResponse:
    """The body with its ETag; 304 where the caller has it as it is."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **more_headers}
    known = request.headers.get("If-None-Match", "")
    if etag in known or known.strip() == "*":
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(text, content_type="application/json", headers=headers)
