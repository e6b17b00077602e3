"""Recovers from dead workers, passed deadlines and lost wake-ups, and enqueues due maintenance tasks.

Several instances may run: rows that another one has locked are skipped.
"""

from collections.abc import Container
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from common.advisory_lock import try_lock_in_transaction
from common.clock import DatabaseNow
from common.messages import Message
from common.tasks import queues
from common.tasks.registry import TASKS
from inference.models.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.queue.finish import expire_job, fail_queued, record_crash
from jobs.queue.workers import ready_models
from jobs.states import State

log = structlog.get_logger(__name__)

_BATCH_SIZE = 100
# During an upgrade, this process may not know a model yet that others have.
_REMOVED_MODEL_GRACE = timedelta(minutes=5)
# The row of a worker without a heartbeat for this long is deleted.
DEAD_WORKER_RETENTION_SECONDS = 60


def reconcile() -> None:
    """Run one round of all steps. One that fails is logged and does not keep the others from running."""
    for step in (
        recover_expired_leases,
        expire_deadlines,
        follow_changed_models,
        notify_waiting_pools,
        delete_dead_workers,
        enqueue_due_tasks,
    ):
        try:
            count = step()
        except Exception:
            log.exception("reconcile_failed", task=step.__name__)
        else:
            if count:
                log.info("reconciled", task=step.__name__, count=count)


@transaction.atomic
def enqueue_due_tasks() -> int:
    """Enqueue the maintenance tasks that are due. One reconciler does so at a time; the others have nothing to add."""
    if try_lock_in_transaction("reconcile:due_tasks"):
        queues.enqueue_due(TASKS.values())
    return 0


@transaction.atomic
def recover_expired_leases() -> int:
    """Take jobs back from workers that stopped renewing their lease. This counts as a crash of the attempt."""
    expired = Job.objects.filter(state=State.IN_PROGRESS, lease_until__lt=DatabaseNow())
    jobs = list(expired.select_for_update(skip_locked=True)[:_BATCH_SIZE])
    message = Message("The worker that was making the video stopped responding.")
    return sum(record_crash(fence=job.fence, code="worker_lost", message=message) for job in jobs)


@transaction.atomic
def expire_deadlines() -> int:
    """Expire queued jobs whose deadline passed before a worker claimed them."""
    late = Job.objects.filter(state=State.QUEUED, started_at=None, deadline_at__lte=DatabaseNow())
    return sum(expire_job(job=job) for job in late.select_for_update(skip_locked=True)[:_BATCH_SIZE])


@transaction.atomic
def follow_changed_models() -> int:
    """Move queued jobs to the pool in which their model runs now, and fail those of models that were removed."""
    pools = {descriptor.pool for descriptor in MODELS.values()}
    # What an operator has put into a pool that is no model's own stays there.
    in_place = Q(model__in=list(MODELS)) & ~Q(pool__in=pools)
    for pool in pools:
        in_place |= Q(pool=pool, model__in=[name for name, model in MODELS.items() if model.pool == pool])
    displaced = Job.objects.filter(~in_place, state=State.QUEUED).order_by("pk").select_for_update(skip_locked=True)
    ready = ready_models()
    return sum(_follow_model(job, ready) for job in displaced[:_BATCH_SIZE])


def _follow_model(job: Job, ready: Container[str]) -> bool:
    descriptor = MODELS.get(job.model)
    if descriptor is not None:
        vram_mb = descriptor.vram_mb(job.width, job.height, job.num_frames)
        Job.objects.filter(pk=job.pk, state=State.QUEUED).update(pool=descriptor.pool, vram_mb=vram_mb)
        queues.wake_up_on_commit(descriptor.pool)
        return True
    if job.model in ready or timezone.now() - job.queued_at < _REMOVED_MODEL_GRACE:
        return False
    message = Message("This site no longer has the model %(model)s. Choose another one.", {"model": job.model})
    return fail_queued(job=job, code="model_removed", message=message)


def notify_waiting_pools() -> int:
    """Send a wake-up to every pool with queued jobs, since an earlier one may have been lost."""
    for pool in {descriptor.pool for descriptor in MODELS.values()}:
        if Job.objects.filter(state=State.QUEUED, pool=pool).exists():
            queues.wake_up(pool, repeated=True)
    return 0


def delete_dead_workers() -> int:
    """Delete the rows of workers without a heartbeat for DEAD_WORKER_RETENTION_SECONDS."""
    deleted, _ = Worker.objects.filter(
        last_heartbeat_at__lt=DatabaseNow() - timedelta(seconds=DEAD_WORKER_RETENTION_SECONDS)
    ).delete()
    return deleted
