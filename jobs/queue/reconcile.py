"""What nobody else would notice: dead workers, passed deadlines, lost doorbells, files left to delete.

Two copies may run: rows that the other one holds are skipped.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import transaction

from common.clock import DatabaseNow
from common.messages import Message
from inference.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.queue import wakeup
from jobs.queue.finish import expire_job, record_crash
from jobs.queue.ledger_check import find_discrepancies
from jobs.states import State

log = structlog.get_logger(__name__)

_BATCH_SIZE = 100
# A worker that has not beaten for this many seconds is dead: its row goes.
DEAD_WORKER_RETENTION_SECONDS = 60


def reconcile() -> None:
    """Run one round of the work that cannot wait."""
    run_tasks(recover_expired_leases, expire_deadlines, notify_waiting_pools, delete_dead_workers)
    wakeup.notify(wakeup.MAINTENANCE_QUEUE)


def run_tasks(*tasks: Callable[[], int]) -> None:
    """Run each task. A task that fails is logged and does not keep the others from running."""
    for task in tasks:
        try:
            count = task()
        except Exception:
            log.exception("reconcile_failed", task=task.__name__)
        else:
            if count:
                log.info("reconciled", task=task.__name__, count=count)


def check_ledger() -> int:
    """Says loudly when wallets and ledger do not agree; mends nothing, since it cannot know which is right."""
    discrepancies = list(find_discrepancies())
    for discrepancy in discrepancies:
        log.error("ledger_discrepancy_found", rule=discrepancy.rule, location=discrepancy.location)
    return len(discrepancies)


@transaction.atomic
def recover_expired_leases() -> int:
    """Takes jobs back from workers that stopped renewing; counts as a crash of the attempt."""
    expired = Job.objects.filter(state=State.IN_PROGRESS, lease_until__lt=DatabaseNow())
    jobs = list(expired.select_for_update(skip_locked=True)[:_BATCH_SIZE])
    message = Message("The worker that was making the video stopped responding.")
    return sum(record_crash(fence=job.fence, code="worker_lost", message=message) for job in jobs)


@transaction.atomic
def expire_deadlines() -> int:
    """Ends queued jobs whose deadline passed before a worker took them."""
    late = Job.objects.filter(state=State.QUEUED, started_at=None, deadline_at__lte=DatabaseNow())
    return sum(expire_job(job=job) for job in late.select_for_update(skip_locked=True)[:_BATCH_SIZE])


def notify_waiting_pools() -> int:
    """Rings for every pool with queued jobs: the bell of one of them may have been lost."""
    for pool in {spec.pool for spec in MODELS.values()}:
        if Job.objects.filter(state=State.QUEUED, pool=pool).exists():
            wakeup.notify(wakeup.pool_queue(pool))
    return 0


def delete_dead_workers() -> int:
    """Deletes the rows of workers that have not beaten for a long time."""
    gone, _ = Worker.objects.filter(
        last_heartbeat_at__lt=DatabaseNow() - timedelta(seconds=DEAD_WORKER_RETENTION_SECONDS)
    ).delete()
    return gone
