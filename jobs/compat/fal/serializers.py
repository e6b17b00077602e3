"""Videos in the format of requests and results of fal's queue."""

from typing import Any

from django.urls import reverse

from common.clock import format_iso
from common.messages import Message
from common.urls import Origin, absolute_url
from jobs.compat.model_names import OWNER
from jobs.models import Job
from jobs.queue.eta import estimate_wait
from jobs.states import State
from jobs.storage.files import mime_type
from jobs.storage.signed_urls import signed_content_url

_STATUS = {State.QUEUED: "IN_QUEUE", State.IN_PROGRESS: "IN_PROGRESS"}


def request_as_json(job: Job, origin: Origin, *, with_logs: bool = False) -> dict[str, Any]:
    """Return the request. Every finished request is COMPLETED; without a video it has `error` and `error_type`."""
    status = _STATUS.get(State(job.state), "COMPLETED")
    body: dict[str, Any] = {
        "status": status,
        "request_id": job.public_id,
        **{
            f"{name}_url": absolute_url(origin, reverse(f"fal:{name}", args=[OWNER, job.model, job.public_id]))
            for name in ("response", "status", "cancel")
        },
        "logs": _logs(job) if with_logs else None,
    }
    if job.state == State.QUEUED:
        body["queue_position"] = estimate_wait(job).position
    if status == "COMPLETED":
        body["metrics"] = {} if job.gpu_seconds is None else {"inference_time": round(job.gpu_seconds, 3)}
    if job.is_finished and job.state != State.COMPLETED:
        message, body["error_type"] = failure_reason(job)
        body["error"] = str(message)
    return body


def result_as_json(job: Job, origin: Origin) -> dict[str, Any]:
    """Return the result of a completed video whose file still exists."""
    return {
        "video": {
            "url": signed_content_url(origin, job),
            "content_type": mime_type(job.result_key),
            "file_name": f"{job.public_id}.{job.output_format}",
            "file_size": job.result_bytes,
            "width": job.width,
            "height": job.height,
            "fps": job.fps,
            "num_frames": job.total_frames,
            "duration": job.seconds,
        },
        "prompt": job.prompt,
        "seed": job.seed,
    }


def failure_reason(job: Job) -> tuple[Message, str]:
    """Return message and code of a request that finished without a video."""
    if job.state == State.CANCELED:
        return Message("The request was canceled. Nothing was charged."), "canceled"
    if job.state == State.EXPIRED:
        return Message("The deadline passed before the request could start. Nothing was charged."), "expired"
    return job.error or Message(""), job.error_code


def _logs(job: Job) -> list[dict[str, Any]]:
    if job.started_at is None:
        return []
    line = {
        "message": f"{job.progress}%: step {job.steps_done} of {job.total_steps}",
        "level": "INFO",
        "source": "USER",
    }
    return [line | {"timestamp": format_iso(job.started_at)}]
