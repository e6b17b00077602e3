"""Puts a new job into the queue."""

from common.tasks.queues import wake_up_on_commit
from jobs.events.outbox import record_event
from jobs.models import Job


def enqueue_job(job: Job) -> None:
    """Insert a job with its first event, and wake up a worker once the caller's transaction is committed."""
    job.save(force_insert=True)
    record_event(job.id, "queued")
    wake_up_on_commit(job.pool)
