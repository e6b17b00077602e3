"""Withdraws and deletes videos on behalf of their team."""

from django.db import transaction

from common.clock import DatabaseNow
from jobs.models import Job
from jobs.queue import wakeup
from jobs.queue.finish import cancel_queued
from jobs.states import State


@transaction.atomic
def cancel_job(*, job: Job) -> None:
    """Asks for an end: at once for a queued job, within a step for a running one, no effect on a closed one."""
    # The lock keeps the state still: a job handed back between two looks would slip past both.
    state = Job.objects.select_for_update().values_list("state", flat=True).get(pk=job.pk)
    if state == State.QUEUED:
        cancel_queued(job=job)
    elif state == State.IN_PROGRESS:
        Job.objects.filter(pk=job.pk, cancel_requested_at=None).update(cancel_requested_at=DatabaseNow())


@transaction.atomic
def delete_job(*, job: Job) -> None:
    """Takes a video out of its team's sight and has its files deleted; what it cost stays on the books.

    One that is still wanted from a worker is canceled first.
    """
    cancel_job(job=job)
    Job.objects.filter(pk=job.pk, deleted_at=None).update(deleted_at=DatabaseNow())
    wakeup.notify_on_commit(wakeup.MAINTENANCE_QUEUE)
