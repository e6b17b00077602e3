"""What nobody else would notice: dead workers, passed deadlines, lost doorbells, files left to delete.

Two copies may run: rows that the other one holds are skipped.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import transaction

from accounts.audit.services import purge as purge_audit_log
from accounts.quota.grants import grant_due_months
from accounts.quota.warnings import note_due_warnings
from accounts.teams.services import close_due_teams
from common.clock import DatabaseNow
from inference.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.services import doorbell
from jobs.services.audit import find_money_drifts
from jobs.services.close import crash_job, expire_job
from jobs.services.idempotency import forget_old_keys
from jobs.states import State

log = structlog.get_logger(__name__)

_BATCH = 100
# A worker that has not beaten for this many seconds is dead: its row goes.
FORGET_WORKER_SECONDS = 60


def reconcile() -> None:
    """One round of what cannot wait."""
    _run(recover_expired_leases, expire_deadlines, ring_waiting_pools, forget_workers)
    doorbell.ring(doorbell.SIDE_QUEUE)


def keep_quotas() -> None:
    """One round of what the calendar brings: nobody waits for it by the second, nor for ten minutes."""
    _run(grant_due_months, note_due_warnings)


def reconcile_slowly() -> None:
    """One round of what reads whole tables."""
    _run(forget_old_keys, close_due_teams, audit_money, purge_audit_log)


def _run(*parts: Callable[[], int]) -> None:
    """A part that fails is logged and does not keep the others from running."""
    for part in parts:
        try:
            count = part()
        except Exception:
            log.exception("reconcile_failed", part=part.__name__)
        else:
            if count:
                log.info("reconciled", part=part.__name__, count=count)


def audit_money() -> int:
    """Says loudly when wallets and ledger do not agree; mends nothing, since it cannot know which is right."""
    drifts = list(find_money_drifts())
    for drift in drifts:
        log.error("money_drift", rule=drift.rule, where=drift.where)
    return len(drifts)


@transaction.atomic
def recover_expired_leases() -> int:
    """Takes jobs back from workers that stopped renewing; counts as a crash of the attempt."""
    expired = Job.objects.filter(state=State.IN_PROGRESS, lease_until__lt=DatabaseNow())
    jobs = list(expired.select_for_update(skip_locked=True)[:_BATCH])
    message = "The worker that was making it went away."
    return sum(crash_job(fence=job.fence, code="worker_lost", message=message) for job in jobs)


@transaction.atomic
def expire_deadlines() -> int:
    """Ends queued jobs whose deadline passed before a worker took them."""
    late = Job.objects.filter(state=State.QUEUED, started_at=None, deadline_at__lte=DatabaseNow())
    return sum(expire_job(job=job) for job in late.select_for_update(skip_locked=True)[:_BATCH])


def ring_waiting_pools() -> int:
    """Rings for every pool with queued jobs: the bell of one of them may have been lost."""
    for pool in {spec.pool for spec in MODELS.values()}:
        if Job.objects.filter(state=State.QUEUED, pool=pool).exists():
            doorbell.ring(doorbell.pool_queue(pool))
    return 0


def forget_workers() -> int:
    """Deletes the rows of workers that have not beaten for a long time."""
    gone, _ = Worker.objects.filter(last_beat_at__lt=DatabaseNow() - timedelta(seconds=FORGET_WORKER_SECONDS)).delete()
    return gone
