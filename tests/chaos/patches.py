"""Patches that `launch` applies to a process: each removes one protection; `slow_store` slows the storage down.

Each shows that the harness would notice if the product lost that protection.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from django.db.models import QuerySet

from jobs.fencing import Fence
from jobs.models import Job
from jobs.queue import finish, lease, reconcile
from jobs.states import State
from jobs.worker import publish
from jobs.worker.attempt import RunningAttempt
from jobs.worker.gpu import GpuWorker


def fence() -> None:
    """Let any attempt finish a job in progress."""

    def job_leased_by(fence: Fence) -> QuerySet[Job]:
        return Job.objects.filter(pk=fence.job_id, state=State.IN_PROGRESS)

    _replace_lease_check(job_leased_by)
    finish._COMPLETE = _without(" AND attempt = %(attempt)s")


def every_fence() -> None:
    """Let any attempt finish a job, even a finished one: only the database's own guards are left."""

    def job_leased_by(fence: Fence) -> QuerySet[Job]:
        return Job.objects.filter(pk=fence.job_id)

    _replace_lease_check(job_leased_by)
    finish._COMPLETE = _without(" AND attempt = %(attempt)s AND state = 'in_progress'")


def _replace_lease_check(job_leased_by: Callable[[Fence], QuerySet[Job]]) -> None:
    for module in (lease, finish):
        setattr(module, "job_leased_by", job_leased_by)  # noqa: B010 (a function that a module imports)


def _without(condition: str) -> str:
    assert condition in finish._COMPLETE
    return finish._COMPLETE.replace(condition, "")


def self_check() -> None:
    """Let a worker continue that cannot renew its lease."""
    setattr(RunningAttempt, "is_lease_lost", property(lambda attempt: attempt._fenced_off))  # noqa: B010 (a property)


def wakeup() -> None:
    """Send no second wake-up for a waiting job, and claim no job without a wake-up."""

    def only_when_woken(worker: GpuWorker) -> None:
        if worker.wait_for_wakeup() and (job := worker.claim()):
            worker.start(job)

    reconcile.notify_waiting_pools = lambda: 0
    setattr(GpuWorker, "claim_or_wait", only_when_woken)  # noqa: B010 (a method)


def slow_store() -> None:
    """Slow the storage down, which leaves time to freeze the worker between the frames and the end of the job."""
    true_store = publish._store

    def store(job: Job, path: Path) -> str:
        time.sleep(float(os.environ["CHAOS_STORE_SECONDS"]))
        return true_store(job, path)

    publish._store = store
