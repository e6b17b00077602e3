"""Submit a video: reserve credits, write ledger, job and event in one transaction, then wake a worker."""

from collections.abc import Callable
from contextlib import suppress

import structlog
from django.conf import settings
from django.db import transaction

from accounts.auth.principals import Principal
from accounts.models import Team
from accounts.quota import services as quota_services
from accounts.quota.effective_limits import EffectiveLimits, effective_limits_of
from accounts.quota.quotas import check_quotas
from accounts.roles import Scope
from accounts.teams.access import lock_membership
from accounts.tenancy.postgres.prepared import fetch_one
from common.clock import DatabaseNow
from common.db_errors import is_transient
from common.errors import Conflict, LimitExceeded
from jobs.models import Job
from jobs.queue.enqueue import enqueue_job
from jobs.storage.files import delete_folder, job_folder, last_image_key, source_key, store_file
from jobs.videos.admission import check_memory
from jobs.videos.idempotency import IdempotencyKey, find_replayed_job, save_key
from jobs.videos.plan_limits import check_plan
from jobs.videos.quote import quote_settings
from jobs.videos.submission import VideoRequest

log = structlog.get_logger(__name__)


class _DuplicateSubmit(Exception):
    """Another submit with the same key committed first. This one is rolled back and returns the other's job."""


def submit_video(
    *,
    principal: Principal,
    build: Callable[[], VideoRequest],
    idempotency: IdempotencyKey | None = None,
    on_accept: Callable[[Job], None] | None = None,
) -> Job:
    """Accept a job and reserve its credits. If the idempotency key has created a job before, return that job.

    The API, the Create page, remixes, batches and the compatibility layers all submit with this function.

    build: returns the request. It is not called for a replay, whose image may have changed or be gone.
    on_accept: called in the transaction that accepts the job. An exception that it raises rolls the submit back.

    Raise NotInPlan, GpuMemoryImpossible or LimitExceeded, Conflict if the key was sent with another body or the team is
    scheduled for deletion, and Overloaded if the storage does not respond. In all these cases nothing is written.
    The images are stored before the transaction, so that no database connection waits for the storage.
    """
    if idempotency and (job := find_replayed_job(team_id=principal.team.pk, idempotency=idempotency)):
        return job
    request = build()
    try:
        return _submit_new(principal, request, idempotency, on_accept)
    except _DuplicateSubmit:
        return submit_video(principal=principal, build=lambda: request, idempotency=idempotency, on_accept=on_accept)
    except LimitExceeded:
        # A submit with the same key may have taken the last credits or the last place in the queue meanwhile.
        if idempotency and (job := find_replayed_job(team_id=principal.team.pk, idempotency=idempotency)):
            return job
        raise


def _submit_new(
    principal: Principal,
    request: VideoRequest,
    idempotency: IdempotencyKey | None,
    on_accept: Callable[[Job], None] | None,
) -> Job:
    check_team_not_closing(principal.team)
    effective_limits = effective_limits_of(principal.team)
    check_plan(request, effective_limits)
    check_memory(request)
    job = _build_job(principal, request)
    job.source_key = source_key(principal.team.pk, job.id)
    if request.image_png is not None:
        store_file(job.source_key, request.image_png)
    if request.last_image_png is not None:
        job.last_image_key = last_image_key(job)
        store_file(job.last_image_key, request.last_image_png)
    try:
        return _accept(principal, effective_limits, request, job, idempotency=idempotency, on_accept=on_accept)
    except Exception as error:
        # In an outage the transaction may be committed although its confirmation was lost: then the job needs its
        # images. If it is not committed, the sweep of orphans deletes them.
        if not is_transient(error):
            _discard_images(job_folder(job))
        raise


def check_team_not_closing(team: Team) -> None:
    """Raise Conflict if the team is scheduled for deletion."""
    if team.deletion_due_at:
        raise Conflict(
            "This team is scheduled for deletion and cannot create videos. An owner can cancel the deletion on the "
            "Team page.",
            code="team_closing",
        )


def _discard_images(folder: str) -> None:
    """Delete images that no job refers to. If that fails, the sweep of orphans deletes them later."""
    with suppress(OSError):
        delete_folder(folder)


@transaction.atomic
def _accept(
    principal: Principal,
    effective_limits: EffectiveLimits,
    request: VideoRequest,
    job: Job,
    *,
    idempotency: IdempotencyKey | None,
    on_accept: Callable[[Job], None] | None,
) -> Job:
    lock_membership(team=principal.team, user=principal.user, scope=Scope.VIDEOS_WRITE)
    _reserve_credits(principal, effective_limits, job)
    _check_queue(principal.team, effective_limits)
    enqueue_job(job)
    if request.deadline is not None:
        Job.objects.filter(pk=job.pk).update(deadline_at=DatabaseNow() + request.deadline)
    if idempotency and not save_key(job=job, idempotency=idempotency):
        raise _DuplicateSubmit
    if on_accept is not None:
        on_accept(job)
    log.info("job_accepted", task_id=job.public_id, team=principal.team.pk, params=request.log_fields())
    return job


def _reserve_credits(principal: Principal, effective_limits: EffectiveLimits, job: Job) -> None:
    """Reserve the credits, which locks the wallet, then check the quotas: the counts cannot change before commit."""
    needed = job.quoted_credits
    job.id = quota_services.reserve(
        usage_key=job.usage_key, job_id=job.id, credits=needed, monthly=effective_limits.monthly_credits
    )
    check_quotas(
        usage_key=job.usage_key,
        credits=needed,
        effective_limits=effective_limits,
        member=principal.member_caps,
        key=principal.key_caps,
    )


_COUNT_QUEUED = "SELECT count(*) FROM jobs_job WHERE team_id = %(team)s::bigint AND state = 'queued'"


def _check_queue(team: Team, effective_limits: EffectiveLimits) -> None:
    """Raise LimitExceeded if the plan allows no more queued jobs. Exact, since the wallet is locked."""
    max_queued = effective_limits.max_queued
    row = fetch_one(_COUNT_QUEUED, {"team": team.pk})
    queued = row[0] if row else 0
    if queued >= max_queued:
        raise LimitExceeded(
            "The team has %(queued)s queued videos, and its plan allows %(limit)s. Try again when some have finished.",
            {"queued": queued, "limit": max_queued},
            code="queue_full",
            extra={"scope": "team", "quota": "max_queued", "limit": max_queued, "remaining": 0, "reset": None},
            retry_after_seconds=30,
        )


def _build_job(principal: Principal, request: VideoRequest) -> Job:
    price = quote_settings(request.descriptor, request)
    return Job(
        team=principal.team,
        user=principal.user,
        api_key=principal.api_key,
        model=request.descriptor.name,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        preset=request.preset,
        resolution=request.resolution,
        width=request.width,
        height=request.height,
        num_frames=request.num_frames,
        fps=request.fps,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        loras=[{"name": lora.name, "scale": lora.scale} for lora in request.loras],
        audio=request.audio,
        seed=request.seed,
        output_format=request.output_format,
        has_image=request.image_png is not None,
        metadata=request.metadata,
        webhook_url=request.webhook_url,
        webhook_format=request.webhook_format,
        remixed_from=request.remixed_from,
        extends=request.extends,
        leading_frames=request.leading_frames,
        warnings=[warning.as_json() for warning in request.warnings],
        pool=request.descriptor.pool,
        priority=request.priority,
        vram_mb=price.vram_mb,
        max_attempts=settings.MAX_ATTEMPTS,
        quoted_credits=price.credits,
    )
