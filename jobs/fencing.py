"""The fencing token: one attempt at one job. This module does not import Django, since engine processes use it."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class Fence:
    """The pair that identifies an attempt in every message and every write of a worker."""

    job_id: uuid.UUID
    attempt: int
