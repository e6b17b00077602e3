"""The response with the present state of a video."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from jobs.api.conditional import json_with_etag
from jobs.models import Job
from jobs.videos.api.serializers import video_as_json

_POLL_INTERVAL_RANGE_SECONDS, _POLLS_PER_WAIT = (0.5, 5.0), 20


def video_response(request: HttpRequest, job: Job) -> HttpResponse:
    """The video; 304 where the caller has it as it is."""
    body = video_as_json(job, request)
    return json_with_etag(request, body, _poll_after_header(body))


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
