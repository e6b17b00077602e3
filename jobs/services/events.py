"""The outbox: what happened to a job, written in the transaction that made it so."""

import uuid

from jobs.models import JobEvent


def record_event(job_id: uuid.UUID, kind: str) -> None:
    """One row per job and kind: a second start after a crash is not a second `started`."""
    JobEvent.objects.bulk_create([JobEvent(job_id=job_id, kind=kind)], ignore_conflicts=True)
