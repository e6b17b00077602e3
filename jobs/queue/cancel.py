"""Cancels and deletes videos on behalf of their team."""

from django.db import transaction

from common.clock import DatabaseNow
from common.tasks.queues import enqueue_on_commit
from jobs.models import Job
from jobs.queue.finish import cancel_queued
from jobs.states import State


@transaction.atomic
def cancel_job(*, job: Job) -> None:
    """Cancel a job: a queued job at once, a running job after its present step. A finished job does not change."""
    # Without the lock, a job that is requeued between the two state checks would be missed by both.
    state = Job.objects.select_for_update().values_list("state", flat=True).get(pk=job.pk)
    if state == State.QUEUED:
        cancel_queued(job=job)
    elif state == State.IN_PROGRESS:
        Job.objects.filter(pk=job.pk, cancel_requested_at=None).update(cancel_requested_at=DatabaseNow())


@transaction.atomic
def delete_job(*, job: Job) -> None:
    """Hide a video from its team and have its files deleted. Its ledger entries stay.

    A video that is not finished yet is canceled first.
    """
    cancel_job(job=job)
    Job.objects.filter(pk=job.pk, deleted_at=None).update(deleted_at=DatabaseNow())
    enqueue_on_commit("delete_due_files")
