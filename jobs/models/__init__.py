"""Jobs, their events, and the workers that make them.

The database keeps the promises that code might forget: which columns belong to which state (CHECKs), that a closed job
never changes again (trigger), and that an event of a kind happens once per job (unique constraint).
"""

from jobs.models.events import JobEvent
from jobs.models.fairness import Pool, TeamShare
from jobs.models.idempotency import IdempotencyRecord
from jobs.models.job import Job, JobQuerySet, Priority
from jobs.models.tally import Tally
from jobs.models.variants import KeptVariant
from jobs.models.workers import Worker

__all__ = [
    "IdempotencyRecord",
    "Job",
    "JobEvent",
    "JobQuerySet",
    "KeptVariant",
    "Pool",
    "Priority",
    "Tally",
    "TeamShare",
    "Worker",
]
