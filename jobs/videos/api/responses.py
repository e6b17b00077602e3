"""The response with the current state of a video."""

from django.http import HttpRequest, HttpResponse

from jobs.api.conditional import json_with_etag
from jobs.models import Job
from jobs.videos.api.serializers import VideoShape, video_as_json

_POLL_INTERVAL_RANGE_SECONDS, _POLLS_PER_WAIT = (0.5, 5.0), 20


def video_response(request: HttpRequest, job: Job) -> HttpResponse:
    """Return the video, or 304 if the client has its current state."""
    body = video_as_json(job, request)
    return json_with_etag(request, body, _poll_after_header(body))


def _poll_after_header(body: VideoShape) -> dict[str, str]:
    """Return the polling interval for OpenAI's SDK, which uses that of the first response until the end."""
    if body["queue"] is None:
        return {}
    seconds = (body["queue"]["eta_seconds"] or 0) / _POLLS_PER_WAIT
    return {
        "openai-poll-after-ms": str(
            round(1000 * min(max(seconds, _POLL_INTERVAL_RANGE_SECONDS[0]), _POLL_INTERVAL_RANGE_SECONDS[1]))
        )
    }
