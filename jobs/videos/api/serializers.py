"""The representation of a video in the API."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request

from common.clock import unix_seconds
from jobs.models import Job, Priority
from jobs.queue.eta import QueueEstimate, estimate_wait
from jobs.states import State

_URL_NAMES = {"self": "video", "content": "video-content", "cancel": "video-cancel", "events": "video-events"}


class QueueSerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    eta_seconds = serializers.FloatField(allow_null=True)
    wait_reason = serializers.ChoiceField(
        choices=["capacity", "team_concurrency", "gpu_memory", "model_loading"], allow_null=True
    )


class UsageSerializer(serializers.Serializer[Any]):
    credits_reserved = serializers.IntegerField()
    credits_charged = serializers.IntegerField(allow_null=True)
    gpu_seconds = serializers.FloatField(allow_null=True)


class JobErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class UrlsSerializer(serializers.Serializer[Any]):
    self = serializers.URLField()
    content = serializers.URLField()
    cancel = serializers.URLField()
    events = serializers.URLField()


class VideoSerializer(serializers.Serializer[Any]):
    """A video and its state. Times are whole seconds since 1970."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["video"])
    status = serializers.ChoiceField(choices=State.values)
    progress = serializers.IntegerField(min_value=0, max_value=100)
    model = serializers.CharField()
    prompt = serializers.CharField()
    negative_prompt = serializers.CharField(allow_blank=True)
    preset = serializers.CharField(allow_null=True)
    size = serializers.CharField()
    seconds = serializers.CharField()
    resolution = serializers.CharField()
    num_frames = serializers.IntegerField()
    fps = serializers.IntegerField()
    steps = serializers.IntegerField()
    guidance_scale = serializers.FloatField()
    seed = serializers.IntegerField()
    output_format = serializers.ChoiceField(choices=["mp4", "gif"])
    priority = serializers.ChoiceField(choices=[name.label for name in Priority])
    created_at = serializers.IntegerField()
    started_at = serializers.IntegerField(allow_null=True)
    completed_at = serializers.IntegerField(allow_null=True)
    expires_at = serializers.IntegerField(allow_null=True)
    queue = QueueSerializer(allow_null=True)
    usage = UsageSerializer()
    attempt = serializers.IntegerField()
    error = JobErrorSerializer(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField(child=serializers.CharField())
    urls = UrlsSerializer()


def video_as_json(job: Job, request: Request | HttpRequest, *, with_queue: bool = True) -> dict[str, Any]:
    """Return the fields of VideoSerializer. In lists `queue` is null, since it would cost queries for each video."""
    queue_estimate = estimate_wait(job) if with_queue and not job.is_finished else None
    return _as_json(job, queue_estimate, f"{request.scheme}://{request.get_host()}")


def video_for_webhook(job: Job) -> dict[str, Any]:
    """Return the same for a webhook. There is no request, so its URLs start with SITE_URL."""
    return _as_json(job, None, settings.SITE_URL)


@cache
def _url_path_templates() -> dict[str, str]:
    """Return the paths with `{}` for the id. Cached, since a list of 100 videos contains 400 of them."""
    return {name: reverse(f"api:{route}", args=["_id_"]).replace("_id_", "{}") for name, route in _URL_NAMES.items()}


def _as_json(job: Job, queue_estimate: QueueEstimate | None, base_url: str) -> dict[str, Any]:
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
        "num_frames": job.num_frames,
        "fps": job.fps,
        "steps": job.steps,
        "guidance_scale": job.guidance_scale,
        "seed": job.seed,
        "output_format": job.output_format,
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
        "metadata": job.metadata,
        "urls": {name: f"{base_url}{path.format(identifier)}" for name, path in _url_path_templates().items()},
    }


def _queue(queue_estimate: QueueEstimate | None) -> dict[str, Any] | None:
    if queue_estimate is None:
        return None
    return {
        "position": queue_estimate.position,
        "eta_seconds": queue_estimate.eta_seconds,
        "wait_reason": queue_estimate.reason,
    }
