"""Waits for a job to change or to close, without holding a thread, a transaction or a database connection."""

import asyncio
import time
import uuid
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import connections

from jobs.models import Job

_MIN_POLL_INTERVAL_SECONDS, _MAX_POLL_INTERVAL_SECONDS = 0.05, 1.0


async def wait_until_finished(job_id: uuid.UUID, *, seconds: float) -> Job:
    """The job as it stands once it is closed, or after so many seconds."""
    return await _poll(job_id, until=lambda job: job.is_finished, seconds=seconds)


async def wait_until_changed(job: Job, *, seconds: float) -> Job:
    """The job once it is in another state than it was, or after so many seconds."""
    return await _poll(job.id, until=lambda seen: seen.state != job.state, seconds=seconds)


async def _poll(job_id: uuid.UUID, *, until: Callable[[Job], bool], seconds: float) -> Job:
    deadline = time.monotonic() + seconds
    interval_seconds = _MIN_POLL_INTERVAL_SECONDS
    while True:
        job = await sync_to_async(_read)(job_id)
        left = deadline - time.monotonic()
        if until(job) or left <= 0:
            return job
        await asyncio.sleep(min(interval_seconds, left))
        interval_seconds = min(interval_seconds * 1.5, _MAX_POLL_INTERVAL_SECONDS)


def _read(job_id: uuid.UUID) -> Job:
    try:
        return Job.objects.get(pk=job_id)
    finally:
        # Back to the pool: a hundred waiting calls must not hold a hundred connections.
        if not connections["default"].in_atomic_block:
            connections["default"].close()
