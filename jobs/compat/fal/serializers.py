"""A video as fal's queue shows a request, and its result."""

from typing import Any

from django.urls import reverse

from common.clock import format_iso
from common.urls import Origin, absolute_url
from jobs.compat.model_names import OWNER
from jobs.models import Job
from jobs.queue.eta import estimate_wait
from jobs.states import State
from jobs.storage.files import mime_type
from jobs.storage.signed_urls import signed_content_url

_STATUS = {State.QUEUED: "IN_QUEUE", State.IN_PROGRESS: "IN_PROGRESS"}


def request_as_json(job: Job, origin: Origin, *, with_logs: bool = False) -> dict[str, Any]:
    """Every end is COMPLETED; one without a video names its error beside."""
    status = _STATUS.get(State(job.state), "COMPLETED")
    found: dict[str, Any] = {
        "status": status,
        "request_id": job.public_id,
        **{
            f"{name}_url": absolute_url(origin, reverse(f"fal:{name}", args=[OWNER, job.model, job.public_id]))
            for name in ("response", "status", "cancel")
        },
        "logs": _logs(job) if with_logs else None,
    }
    if job.state == State.QUEUED:
        found["queue_position"] = estimate_wait(job).position
    if status == "COMPLETED":
        found["metrics"] = {} if job.gpu_seconds is None else {"inference_time": round(job.gpu_seconds, 3)}
    if job.is_finished and job.state != State.COMPLETED:
        found["error"], found["error_type"] = failure_reason(job)
    return found


def result_as_json(job: Job, origin: Origin) -> dict[str, Any]:
    """Of a completed video whose file is still there."""
    return {
        "video": {
            "url": signed_content_url(origin, job),
            "content_type": mime_type(job.result_key),
            "file_name": f"{job.public_id}.{job.output_format}",
            "file_size": job.result_bytes,
            "width": job.width,
            "height": job.height,
            "fps": job.fps,
            "num_frames": job.num_frames,
            "duration": job.seconds,
        },
        "prompt": job.prompt,
        "seed": job.seed,
    }


def failure_reason(job: Job) -> tuple[str, str]:
    """Message and code of an end without a video."""
    if job.state == State.CANCELED:
        return "The request was canceled. Nothing was charged.", "canceled"
    if job.state == State.EXPIRED:
        return "Its deadline passed before it could start. Nothing was charged.", "expired"
    return str(job.error or ""), job.error_code


def _logs(job: Job) -> list[dict[str, Any]]:
    if job.started_at is None:
        return []
    line = {"message": f"{job.progress}%: step {job.steps_done} of {job.steps}", "level": "INFO", "source": "USER"}
    return [line | {"timestamp": format_iso(job.started_at)}]
