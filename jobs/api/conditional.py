"""What polls are answered: the state of a thing, with its ETag."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from jobs.models import Job
from jobs.videos.api.serializers import video_as_json

_POLL_INTERVAL_RANGE_SECONDS, _POLLS_PER_WAIT = (0.5, 5.0), 20


def video_response(request: HttpRequest, job: Job) -> HttpResponse:
    """The video; 304 where the caller has it as it is."""
    body = video_as_json(job, request)
    return json_with_etag(request, body, _poll_after_header(body))


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


def _poll_after_header(body: dict[str, Any]) -> dict[str, str]:
    """When to ask again, for OpenAI's SDK: it takes the first answer's word for all the time that it waits."""
    if body["queue"] is None:
        return {}
    seconds = (body["queue"]["eta_seconds"] or 0) / _POLLS_PER_WAIT
    return {
        "openai-poll-after-ms": str(
            round(1000 * min(max(seconds, _POLL_INTERVAL_RANGE_SECONDS[0]), _POLL_INTERVAL_RANGE_SECONDS[1]))
        )
    }
