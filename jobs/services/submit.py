"""Accepts a video: reserve, ledger row, job row and event row in one transaction; then the doorbell."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.access import hold_access
from accounts.models import Team
from accounts.principals import Principal
from accounts.quota import services as quota_services
from accounts.quota.allowance import Allowance, allowance_of
from accounts.quota.quotas import check_quotas
from accounts.roles import Scope
from accounts.tenancy.postgres.prepared import first_row
from common.clock import DatabaseNow
from common.errors import Conflict, LimitExceeded, Overloaded
from common.ids import new_id
from common.outages import is_outage
from jobs.models import Job
from jobs.requests import VideoRequest, resolve
from jobs.services import doorbell
from jobs.services.admission import check_memory
from jobs.services.events import record_event
from jobs.services.idempotency import Idempotency, idempotency_of, remember, replay
from jobs.services.plans import check_plan
from jobs.services.quote import quote_request
from jobs.services.storage import delete_folder, job_folder, source_key

log = structlog.get_logger(__name__)


class _SentTwice(Exception):
    """Another submit with the same key committed first; this one is rolled back and answers with its job."""


def submit_body(
    *,
    principal: Principal,
    values: dict[str, Any],
    idempotency_key: str | None,
    cancel_after_seconds: int | None = None,
) -> Job:
    """The job that checked fields of a body ask for, see `resolve` and `submit_job` for what they raise."""
    idempotency = idempotency_of(idempotency_key, values)
    # Sent again, nothing is fetched again: the picture may have changed or be gone, and the answer is known.
    if "image_url" in values and idempotency and (job := replay(team_id=principal.team.pk, idempotency=idempotency)):
        return job
    request = resolve(values, team=principal.team, cancel_after_seconds=cancel_after_seconds)
    return submit_job(principal=principal, request=request, idempotency=idempotency)


def submit_job(
    *,
    principal: Principal,
    request: VideoRequest,
    idempotency: Idempotency | None = None,
    on_accept: Callable[[Job], None] | None = None,
) -> Job:
    """The accepted job, paid for in advance.

    Raises NotInPlan, GpuMemoryImpossible or LimitExceeded; then nothing was written.
    on_accept: called in the transaction that accepts the job. What it raises refuses the job.

    With a key that made a job already, that job. Raises Conflict when the key came with another body, or the team is
    being closed.
    Raises Overloaded when the storage does not answer. The picture is stored before the transaction, so that no
    database connection waits for the storage.
    """
    if idempotency and (job := replay(team_id=principal.team.pk, idempotency=idempotency)):
        return job
    try:
        return _submit_new(principal, request, idempotency, on_accept)
    except _SentTwice:
        return submit_job(principal=principal, request=request, idempotency=idempotency, on_accept=on_accept)


def _submit_new(
    principal: Principal,
    request: VideoRequest,
    idempotency: Idempotency | None,
    on_accept: Callable[[Job], None] | None,
) -> Job:
    check_open(principal.team)
    allowance = allowance_of(principal.team)
    check_plan(request, allowance)
    check_memory(request)
    job_id = new_id()
    key = _store(source_key(principal.team.pk, job_id), request.picture_png)
    try:
        job = _job(principal, request, job_id, key)
        return _accept(principal, allowance, request, job, idempotency=idempotency, on_accept=on_accept)
    except Exception as error:
        # In an outage it is perhaps committed, and only the answer was lost: then the job needs its picture. If it is
        # not, the sweep of orphans takes the picture away.
        if not is_outage(error):
            _drop(job_folder(principal.team.pk, job_id))
        raise


def check_open(team: Team) -> None:
    """Raises Conflict in the days in which an owner may still keep a team that is to be closed."""
    if team.closing_at:
        message = "This team is being closed and makes no more videos. An owner can keep it on the Team page."
        raise Conflict(message, code="team_closing")


def _store(key: str, content: bytes) -> str:
    try:
        return default_storage.save(key, ContentFile(content))
    except OSError as error:
        log.error("storage_failed", reason=str(error))
        raise Overloaded("The storage does not answer. Try again in a moment.") from error


def _drop(folder: str) -> None:
    """Deletes a picture that no job refers to; what cannot be deleted now is left to the sweep of orphans."""
    with suppress(OSError):
        delete_folder(folder)


@transaction.atomic
def _accept(
    principal: Principal,
    allowance: Allowance,
    request: VideoRequest,
    job: Job,
    *,
    idempotency: Idempotency | None,
    on_accept: Callable[[Job], None] | None,
) -> Job:
    hold_access(team=principal.team, user=principal.user, scope=Scope.VIDEOS_WRITE)
    _pay(principal, allowance, job)
    _check_queue(principal.team, allowance)
    job.save(force_insert=True)
    if request.deadline is not None:
        Job.objects.filter(pk=job.pk).update(deadline_at=DatabaseNow() + request.deadline)
    if idempotency and not remember(job=job, idempotency=idempotency):
        raise _SentTwice
    if on_accept is not None:
        on_accept(job)
    record_event(job.id, "queued")
    doorbell.ring_after_commit(doorbell.pool_queue(job.pool))
    log.info("job_accepted", task_id=job.public_id, team=principal.team.pk, params=request.as_log())
    return job


def _pay(principal: Principal, allowance: Allowance, job: Job) -> None:
    """Reserves the credits, which locks the wallet; whatever is counted afterwards stays as it is until the commit."""
    needed = job.quoted_credits
    quota_services.reserve(use=job.use, job_id=job.id, credits=needed, monthly=allowance.monthly_credits)
    check_quotas(use=job.use, credits=needed, allowance=allowance, member=principal.member_caps, key=principal.key_caps)


_QUEUED = "SELECT count(*) FROM jobs_job WHERE team_id = %(team)s::bigint AND state = 'queued'"


def _check_queue(team: Team, allowance: Allowance) -> None:
    """Raises LimitExceeded when the plan allows no more queued jobs; exact, since the reserve locked the wallet."""
    most = allowance.max_queued
    counted = first_row(_QUEUED, {"team": team.pk})
    queued = counted[0] if counted else 0
    if queued >= most:
        message = f"The team has {queued} videos waiting, and its plan allows {most}. Try again when some are done."
        extra = {"scope": "team", "quota": "max_queued", "limit": most, "remaining": 0, "reset": None}
        raise LimitExceeded(message, code="queue_full", extra=extra, retry_after_seconds=30)


def _job(principal: Principal, request: VideoRequest, job_id: UUID, key: str) -> Job:
    price = quote_request(request)
    return Job(
        id=job_id,
        team=principal.team,
        user=principal.user,
        api_key=principal.api_key,
        model=request.spec.name,
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
        seed=request.seed,
        output_format=request.output_format,
        source_key=key,
        metadata=request.metadata,
        webhook_url=request.webhook_url,
        webhook_form=request.webhook_form,
        warnings=list(request.warnings),
        pool=request.spec.pool,
        priority=request.priority,
        vram_mb=price.vram_mb,
        max_attempts=settings.MAX_ATTEMPTS,
        quoted_credits=price.credits,
    )
