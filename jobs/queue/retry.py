"""Makes a failed video again, as its team, for the same request and price."""

import structlog
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.quota import services as quota_services
from common.errors import Conflict, Gone, Overloaded
from common.ids import new_id
from jobs.events.outbox import record_event
from jobs.models import Job, JobEvent
from jobs.queue import wakeup
from jobs.states import State
from jobs.storage.files import delete_folder, job_folder, source_key

log = structlog.get_logger(__name__)

RETRIED = "retried"
# What was asked for and what it costs; everything else starts anew.
_COPIED_FIELDS = (
    "team_id", "user_id", "api_key_id", "model", "prompt", "negative_prompt", "preset", "resolution", "width", "height",
    "num_frames", "fps", "steps", "guidance_scale", "seed", "output_format", "metadata", "warnings", "pool", "priority",
    "vram_mb", "max_attempts", "quoted_credits", "webhook_url", "webhook_format",
)  # fmt: skip


def retry_job(*, job: Job) -> Job:
    """A fresh job in the place of a failed one, paid for anew. The failed one stays as it is, and has one retry.

    Raises Conflict for a job that did not fail or was retried before, Gone without its picture, LimitExceeded where the
    team's credits do not reach.
    """
    fresh_id = new_id()
    fresh = Job(id=fresh_id, **{name: getattr(job, name) for name in _COPIED_FIELDS})
    fresh.source_key = _copy_source_image(job, source_key(job.team_id, fresh_id))
    try:
        with transaction.atomic():
            _record_retry(job)
            quota_services.reserve(usage_key=fresh.usage_key, job_id=fresh_id, credits=fresh.quoted_credits)
            fresh.save(force_insert=True)
            record_event(fresh_id, "queued")
            wakeup.notify_on_commit(wakeup.pool_queue(fresh.pool))
    except Exception:
        delete_folder(job_folder(job.team_id, fresh_id))
        raise
    log.info("job_retried", task_id=fresh.public_id, failed_task_id=job.public_id, team=job.team_id)
    return fresh


def _record_retry(job: Job) -> None:
    # The lock lets the second of two clicks see the first.
    failed = Job.objects.select_for_update().filter(pk=job.pk, state=State.FAILED, deleted_at=None).first()
    if failed is None:
        raise Conflict("Only a failed video can be tried again.", code="not_failed")
    if JobEvent.objects.filter(job=job, kind=RETRIED).exists():
        raise Conflict("It was tried again already.", code="already_retried")
    record_event(job.pk, RETRIED)


def _copy_source_image(job: Job, key: str) -> str:
    try:
        with default_storage.open(job.source_key) as image:
            return default_storage.save(key, image)
    except FileNotFoundError:
        raise Gone("Its picture is deleted, so it cannot be made again.", code="source_missing") from None
    except OSError as error:
        raise Overloaded("The storage does not answer. Try again in a moment.") from error
