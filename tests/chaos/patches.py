"""What `launch` may bend in a process: protections taken out, one by one, and a storage that is slow.

Each shows that the harness would notice if the product lost that protection.
"""

import os
import time

from django.db.models import QuerySet

from jobs.fencing import Fence
from jobs.models import Job
from jobs.queue import finish, lease, reconcile
from jobs.states import State
from jobs.worker import publish
from jobs.worker.attempt import RunningAttempt
from jobs.worker.gpu import GpuWorker


def fence() -> None:
    """Any attempt may close the job that is in progress."""

    def held_by(held: Fence) -> QuerySet[Job]:
        return Job.objects.filter(pk=held.job_id, state=State.IN_PROGRESS)

    lease.job_leased_by = finish.job_leased_by = held_by
    finish._COMPLETE = _without(" AND attempt = %(attempt)s")


def every_fence() -> None:
    """Any attempt may close the job, even one that is closed: only the database's own guards are left."""

    def held_by(held: Fence) -> QuerySet[Job]:
        return Job.objects.filter(pk=held.job_id)

    lease.job_leased_by = finish.job_leased_by = held_by
    finish._COMPLETE = _without(" AND attempt = %(attempt)s AND state = 'in_progress'")


def _without(words: str) -> str:
    assert words in finish._COMPLETE
    return finish._COMPLETE.replace(words, "")


def self_check() -> None:
    """A worker that cannot renew its lease goes on."""
    RunningAttempt.is_lease_lost = property(lambda attempt: attempt._fenced_off)


def doorbell() -> None:
    """Nobody rings again for a job that waits, and nobody asks without having been rung for."""

    def only_when_rung(worker: GpuWorker) -> None:
        if worker.wait_for_wakeup() and (job := worker.claim()):
            worker.start(job)

    reconcile.notify_waiting_pools = lambda: 0
    GpuWorker.claim_or_wait = only_when_rung


def slow_store() -> None:
    """Not a protection: time to be frozen in, between the frames and the close."""
    true_store = publish._store

    def store(*arguments: object) -> str:
        time.sleep(float(os.environ["CHAOS_STORE_SECONDS"]))
        return true_store(*arguments)

    publish._store = store
