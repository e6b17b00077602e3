"""Jobs, their events, and the workers that run them.

The database enforces what a mistake in the code might break: which columns belong to which state (CHECK constraints),
that a finished job never changes again (trigger), and that a job has one event of each kind (unique constraint).
"""

from jobs.models.counters import MetricCounter
from jobs.models.events import JobEvent
from jobs.models.fairness import Pool, TeamShare
from jobs.models.idempotency import IdempotencyRecord
from jobs.models.job import Job, JobQuerySet, Priority
from jobs.models.renditions import Rendition
from jobs.models.workers import Worker

__all__ = [
    "IdempotencyRecord",
    "Job",
    "JobEvent",
    "JobQuerySet",
    "MetricCounter",
    "Pool",
    "Priority",
    "Rendition",
    "TeamShare",
    "Worker",
]
