"""Jobs, their events, and the workers that make them.

The database keeps the promises that code might forget: which columns belong to which state (CHECKs), that a closed job
never changes again (trigger), and that an event of a kind happens once per job (unique constraint).
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
