"""Videos in the format of Replicate's predictions."""

from typing import Any

from django.urls import reverse

from common.clock import format_iso
from common.urls import Origin, absolute_url
from jobs.compat.model_names import OWNER
from jobs.models import Job
from jobs.states import State
from jobs.storage.signed_urls import signed_content_url

# The SDK knows no other statuses. A prediction whose deadline passed counts as failed: it has no output, and so a
# program that runs it gets an exception instead of an empty output.
_STATUS = {
    State.QUEUED: "starting",
    State.IN_PROGRESS: "processing",
    State.COMPLETED: "succeeded",
    State.FAILED: "failed",
    State.CANCELED: "canceled",
    State.EXPIRED: "failed",
}
_PROGRESS_BAR_WIDTH = 10


def prediction_as_json(job: Job, origin: Origin) -> dict[str, Any]:
    status = _STATUS[State(job.state)]
    has_output = job.state == State.COMPLETED and not job.is_gone
    return {
        "id": job.public_id,
        "model": f"{OWNER}/{job.model}",
        "version": job.model,
        "status": status,
        "source": "api",
        "input": _input(job),
        "output": signed_content_url(origin, job) if has_output else None,
        "logs": _logs(job),
        "error": _error(job) if status == "failed" else None,
        "metrics": {} if job.gpu_seconds is None else {"predict_time": round(job.gpu_seconds, 3)},
        "data_removed": job.state == State.COMPLETED and not has_output,
        "created_at": format_iso(job.created_at),
        "started_at": format_iso(job.started_at),
        "completed_at": format_iso(job.finished_at),
        "urls": {
            "get": absolute_url(origin, reverse("replicate:prediction", args=[job.public_id])),
            "cancel": absolute_url(origin, reverse("replicate:prediction-cancel", args=[job.public_id])),
        },
    }


def _input(job: Job) -> dict[str, Any]:
    """Return the settings that the video was generated with, including defaults, without the image."""
    return {
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "size": f"{job.width}x{job.height}",
        "num_frames": job.num_frames,
        "fps": job.fps,
        "num_inference_steps": job.steps,
        "guidance_scale": job.guidance_scale,
        "audio": job.audio,
        "seed": job.seed,
        "output_format": job.output_format,
    }


def _logs(job: Job) -> str:
    """Return a line from which the SDK reads the progress."""
    if job.state == State.QUEUED:
        return ""
    total = job.total_steps
    done = total if job.state == State.COMPLETED else min(job.steps_done, total)
    full = _PROGRESS_BAR_WIDTH * done // total
    return f"{100 * done // total}%|{'█' * full}{' ' * (_PROGRESS_BAR_WIDTH - full)}| {done}/{total}"


def _error(job: Job) -> str:
    if job.state == State.EXPIRED:
        return "The deadline passed before the request could start. Nothing was charged."
    return str(job.error or "The video could not be generated. Nothing was charged.")
