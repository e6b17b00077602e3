"""Wait until a job changes or finishes, without holding a thread, a transaction or a database connection."""

import asyncio
import time
import uuid
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import connections

from jobs.models import Job

_MIN_POLL_INTERVAL_SECONDS, _MAX_POLL_INTERVAL_SECONDS = 0.05, 1.0


async def wait_until_finished(job_id: uuid.UUID, *, timeout_seconds: float) -> Job:
    """Return the job once it has finished, or after the timeout."""
    return await _poll(job_id, until=lambda job: job.is_finished, timeout_seconds=timeout_seconds)


async def wait_until_changed(job: Job, *, timeout_seconds: float) -> Job:
    """Return the job once its state differs from the given one, or after the timeout."""
    return await _poll(job.id, until=lambda current: current.state != job.state, timeout_seconds=timeout_seconds)


async def _poll(job_id: uuid.UUID, *, until: Callable[[Job], bool], timeout_seconds: float) -> Job:
    deadline = time.monotonic() + timeout_seconds
    interval_seconds = _MIN_POLL_INTERVAL_SECONDS
    while True:
        job = await sync_to_async(_read)(job_id)
        remaining_seconds = deadline - time.monotonic()
        if until(job) or remaining_seconds <= 0:
            return job
        await asyncio.sleep(min(interval_seconds, remaining_seconds))
        interval_seconds = min(interval_seconds * 1.5, _MAX_POLL_INTERVAL_SECONDS)


def _read(job_id: uuid.UUID) -> Job:
    try:
        return Job.objects.get(pk=job_id)
    finally:
        # Return the connection to the pool: a hundred waiting requests must not hold a hundred connections.
        if not connections["default"].in_atomic_block:
            connections["default"].close()
