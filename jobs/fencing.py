"""The fence: one attempt at one job. Plain Python, so that the engine child can carry it without Django."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class Fence:
    """The pair that every message and every write of a worker carries."""

    job_id: uuid.UUID
    attempt: int
