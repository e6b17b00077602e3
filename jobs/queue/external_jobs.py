"""Cancels the videos that upstream servers would make for nobody: those of jobs that ended while no attempt ran.

A worker cancels the video of its own attempt. A job that is canceled between two attempts, or whose last attempt
crashed, has no worker that could do so.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog

from common.clock import DatabaseNow
from inference.engines.upstream.api_key import read_api_key
from inference.engines.upstream.client import UpstreamClient
from inference.engines.upstream.job import cancel_video, detect_server
from inference.engines.upstream.options import UpstreamOptions
from inference.errors import InferenceError
from inference.models.catalogue import MODELS
from jobs.models import Job
from jobs.states import State

log = structlog.get_logger(__name__)

_BATCH_SIZE = 100
# This is the limit for all videos of a server. Those that are left follow in the next run.
_TIMEOUT_SECONDS = 15
_MAX_AGE = timedelta(days=1)


def cancel_external_jobs() -> int:
    """Cancel the videos and return how many. If a server is away, its videos are left for the next runs, for a day."""
    abandoned = Job.objects.filter(external_is_open=True, state__in=(State.FAILED, State.CANCELED, State.EXPIRED))
    if given_up := abandoned.filter(finished_at__lt=DatabaseNow() - _MAX_AGE).update(external_is_open=False):
        log.error("external_jobs_not_canceled", count=given_up)
    by_model = defaultdict(list)
    for job in abandoned.only("id", "model", "external_id").order_by("finished_at")[:_BATCH_SIZE]:
        by_model[job.model].append(job)
    return sum(_cancel(model, jobs) for model, jobs in by_model.items())


def _cancel(model: str, jobs: Sequence[Job]) -> int:
    descriptor = MODELS.get(model)
    if descriptor is None or descriptor.engine != "upstream":  # it is no longer that of a server
        return 0
    canceled: list[Job] = []
    try:
        asyncio.run(_cancel_at_server(UpstreamOptions.parse(descriptor.engine_options), jobs, canceled))
    except (InferenceError, TimeoutError) as error:
        log.warning("external_jobs_cancel_failed", model=model, reason=str(error) or type(error).__name__)
    for job in canceled:
        log.info("external_job_canceled", task_id=job.public_id, external_id=job.external_id)
    return Job.objects.filter(pk__in=[job.pk for job in canceled]).update(external_is_open=False)


async def _cancel_at_server(options: UpstreamOptions, jobs: Sequence[Job], canceled: list[Job]) -> None:
    """Cancel the jobs one after the other and add each to `canceled`."""
    async with (
        asyncio.timeout(_TIMEOUT_SECONDS),
        UpstreamClient(options.url, read_api_key(options.api_key_file)) as client,
    ):
        server = await detect_server(client, options.server)
        for job in jobs:
            await cancel_video(client, server, str(job.external_id))
            canceled.append(job)
