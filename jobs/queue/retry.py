"""Submits a failed video again, for the same team, request and price."""

import structlog
from django.db import transaction

from accounts.quota import services as quota_services
from common.errors import Conflict
from jobs.events.outbox import record_event
from jobs.models import Job, JobEvent
from jobs.queue.enqueue import enqueue_job
from jobs.states import State
from jobs.storage.files import (
    delete_folder,
    job_folder,
    last_image_key,
    load_last_image,
    load_source_image,
    source_key,
    store_file,
)

log = structlog.get_logger(__name__)

RETRIED = "retried"
# The request and its price. All other fields start with their defaults.
_COPIED_FIELDS = (
    "team_id", "user_id", "api_key_id", "model", "prompt", "negative_prompt", "preset", "resolution", "width", "height",
    "num_frames", "fps", "steps", "guidance_scale", "loras", "audio", "seed", "output_format", "metadata", "warnings",
    "pool", "priority", "has_image", "vram_mb", "max_attempts", "quoted_credits", "webhook_url", "webhook_format",
    "extends", "leading_frames",
)  # fmt: skip


def retry_job(*, job: Job) -> Job:
    """Create a new job with the request of a failed one and reserve its credits. Each failed job has one retry.

    Raises Conflict if the job did not fail or was retried before, Gone if its source image was deleted, and
    LimitExceeded if the team does not have enough credits.
    """
    new_job = Job(**{name: getattr(job, name) for name in _COPIED_FIELDS})
    new_job.source_key = source_key(job.team_id, new_job.id)
    if job.has_image:
        store_file(new_job.source_key, load_source_image(job, code="source_missing"))
    if job.last_image_key:
        new_job.last_image_key = last_image_key(new_job)
        store_file(new_job.last_image_key, load_last_image(job, code="source_missing"))
    try:
        with transaction.atomic():
            _record_retry(job)
            new_job.id = quota_services.reserve(
                usage_key=new_job.usage_key, job_id=new_job.id, credits=new_job.quoted_credits
            )
            enqueue_job(new_job)
    except Exception:
        delete_folder(job_folder(new_job))
        raise
    log.info("job_retried", task_id=new_job.public_id, failed_task_id=job.public_id, team=job.team_id)
    return new_job


def _record_retry(job: Job) -> None:
    # The lock makes the second of two concurrent requests see the first one.
    failed = Job.objects.select_for_update().filter(pk=job.pk, state=State.FAILED, deleted_at=None).first()
    if failed is None:
        raise Conflict("This video did not fail. Only failed videos can be retried.", code="not_failed")
    if JobEvent.objects.filter(job=job, kind=RETRIED).exists():
        raise Conflict("This video was retried already. Open the new video instead.", code="already_retried")
    record_event(job.pk, RETRIED)
