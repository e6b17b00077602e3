"""The representation of a video in the API."""

from functools import cache
from typing import Annotated, Literal, TypedDict

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from rest_framework.request import Request

from accounts import tenancy
from common.clock import unix_seconds
from common.ids import public_id
from jobs.api.shapes import Text, Url, serializer_of
from jobs.events.authorization import Viewer
from jobs.events.shapes import JobErrorShape, Status
from jobs.events.tokens import create_token
from jobs.models import Job, Priority
from jobs.queue.eta import QueueEstimate, estimate_wait

Percent = Annotated[int, {"min_value": 0, "max_value": 100}]
_URL_NAMES = {"self": "video", "content": "video-content", "cancel": "video-cancel", "events": "video-events"}


class LoraShape(TypedDict):
    name: str
    scale: float


class QueueShape(TypedDict):
    position: int
    eta_seconds: float | None
    wait_reason: Annotated[str | None, {"choices": ["capacity", "team_concurrency", "gpu_memory", "model_loading"]}]


class UsageShape(TypedDict):
    credits_reserved: int
    credits_charged: int | None
    gpu_seconds: float | None


class UrlsShape(TypedDict):
    self: Url
    content: Url
    cancel: Url
    events: Url


class VideoShape(TypedDict):
    """A video and its state. Times are whole seconds since 1970."""

    id: str
    object: Literal["video"]
    status: Status
    progress: Percent
    model: str
    prompt: str
    negative_prompt: Text
    preset: str | None
    size: str
    seconds: str
    resolution: str
    num_frames: int
    fps: int
    steps: int | None
    guidance_scale: float | None
    loras: list[LoraShape]
    seed: int
    output_format: Annotated[str, {"choices": ["mp4", "gif"]}]
    has_audio: Annotated[bool, {"help_text": "whether the file has sound; false until it is completed"}]
    priority: Annotated[str, {"choices": [name.label for name in Priority]}]
    created_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None
    queue: QueueShape | None
    usage: UsageShape
    attempt: int
    error: JobErrorShape | None
    warnings: list[str]
    remixed_from_video_id: str | None
    extends: Annotated[str | None, {"help_text": "the video that this one continues"}]
    metadata: dict[str, str]
    urls: UrlsShape


VideoSerializer = serializer_of(VideoShape)


def video_as_json(job: Job, request: Request | HttpRequest, *, with_queue: bool = True) -> VideoShape:
    """Return the video as JSON. In lists `queue` is null, since it would cost queries for each video.

    For a caller with an API key, the URL of the events has a token.
    """
    queue_estimate = estimate_wait(job) if with_queue and not job.is_finished else None
    body = _as_json(job, queue_estimate, f"{request.scheme}://{request.get_host()}")
    caller = tenancy.current()
    if caller.team_id and caller.user_id and caller.api_key_id:
        viewer = Viewer(caller.team_id, caller.user_id, caller.api_key_id, session_key=None)
        body["urls"]["events"] += f"?token={create_token(video_id=job.public_id, viewer=viewer)}"
    return body


def video_for_webhook(job: Job) -> VideoShape:
    """Return the same for a webhook. There is no request, so its URLs start with SITE_URL."""
    return _as_json(job, None, settings.SITE_URL)


@cache
def _url_path_templates() -> dict[str, str]:
    """Return the paths with `{}` for the id. Cached, since a list of 100 videos contains 400 of them."""
    return {name: reverse(f"api:{route}", args=["_id_"]).replace("_id_", "{}") for name, route in _URL_NAMES.items()}


def _as_json(job: Job, queue_estimate: QueueEstimate | None, base_url: str) -> VideoShape:
    identifier = job.public_id
    return {
        "id": identifier,
        "object": "video",
        "status": job.state,
        "progress": job.progress,
        "model": job.model,
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "preset": job.preset or None,
        "size": f"{job.width}x{job.height}",
        "seconds": f"{job.seconds:g}",
        "resolution": job.resolution,
        "num_frames": job.total_frames,
        "fps": job.fps,
        "steps": job.steps,
        "guidance_scale": job.guidance_scale,
        "loras": job.loras,
        "seed": job.seed,
        "output_format": job.output_format,
        "has_audio": job.has_audio,
        "priority": Priority(job.priority).label,
        "created_at": unix_seconds(job.created_at),
        "started_at": unix_seconds(job.started_at),
        "completed_at": unix_seconds(job.finished_at),
        "expires_at": unix_seconds(job.expires_at),
        "queue": _queue(queue_estimate),
        "usage": {
            "credits_reserved": job.quoted_credits,
            "credits_charged": job.charged_credits,
            "gpu_seconds": None if job.gpu_seconds is None else round(job.gpu_seconds, 3),
        },
        "attempt": job.attempt,
        "error": {"code": job.error_code, "message": str(job.error)} if job.error else None,
        "warnings": [str(warning) for warning in job.warning_messages],
        "remixed_from_video_id": public_id("vid", job.remixed_from) if job.remixed_from else None,
        "extends": public_id("vid", job.extends) if job.extends else None,
        "metadata": job.metadata,
        "urls": _urls(base_url, identifier),
    }


def _urls(base_url: str, identifier: str) -> UrlsShape:
    paths = _url_path_templates()
    return {
        "self": base_url + paths["self"].format(identifier),
        "content": base_url + paths["content"].format(identifier),
        "cancel": base_url + paths["cancel"].format(identifier),
        "events": base_url + paths["events"].format(identifier),
    }


def _queue(queue_estimate: QueueEstimate | None) -> QueueShape | None:
    if queue_estimate is None:
        return None
    return {
        "position": queue_estimate.position,
        "eta_seconds": queue_estimate.eta_seconds,
        "wait_reason": queue_estimate.reason,
    }
