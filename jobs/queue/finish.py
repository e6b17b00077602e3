"""Finishes and requeues jobs: state, credits and event in one transaction. Writes of a worker are fenced by attempt."""

from dataclasses import asdict, dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.quota import services as quota
from common.clock import DatabaseNow
from common.messages import Message
from common.tasks.queues import enqueue_on_commit, wake_up_on_commit
from jobs.events.outbox import dispatch_outbox_on_commit, record_event
from jobs.events.publisher import publish_status_on_commit
from jobs.fencing import Fence
from jobs.models import Job
from jobs.queue.lease import job_leased_by
from jobs.states import State

log = structlog.get_logger(__name__)

# Delay before the next attempt. It grows with each crash, so that a job that crashes engines does not keep doing so.
_CRASH_RETRY_DELAYS_SECONDS = (1, 10, 60)
OUT_OF_MEMORY = "out_of_memory"
_NO_MESSAGE = Message("")
# A job that does not fit into the memory of two fresh engines will not fit into a third one.
_MAX_CRASHES = {OUT_OF_MEMORY: 2}


# One round trip. All parts depend on the first one: a fenced-off attempt changes nothing and records no event.
_COMPLETE = """
WITH completed AS (
    UPDATE jobs_job SET state = 'completed', finished_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL,
           external_is_open = false, steps_done = COALESCE(steps, num_frames),
           result_key = %(result_key)s, poster_key = %(poster_key)s,
           result_bytes = %(result_bytes)s, has_audio = %(has_audio)s, gpu_seconds = %(gpu_seconds)s,
           charged_credits = LEAST(quoted_credits, GREATEST(1, round(%(gpu_seconds)s))),
           expires_at = clock_timestamp() + make_interval(days => (
               -- The shorter of the site's and the plan's retention. LEAST ignores NULL.
               SELECT LEAST(NULLIF(%(retention_days)s, 0), COALESCE(override.retention_days, plan.retention_days))
               FROM quota_wallet wallet JOIN quota_plan plan ON plan.id = wallet.plan_id
               LEFT JOIN quota_planoverride override ON override.team_id = wallet.team_id
               WHERE wallet.team_id = jobs_job.team_id))
    WHERE id = %(job_id)s AND attempt = %(attempt)s AND state = 'in_progress'
    RETURNING id, team_id, user_id, api_key_id, model, created_at, quoted_credits, charged_credits
), event AS (
    INSERT INTO jobs_jobevent (job_id, kind, created_at) SELECT id, 'completed', clock_timestamp() FROM completed
    ON CONFLICT DO NOTHING
)
SELECT * FROM completed
"""


@dataclass(frozen=True)
class AttemptResult:
    """The stored result of an attempt, under the attempt's own keys."""

    result_key: str
    poster_key: str
    result_bytes: int
    gpu_seconds: float
    has_audio: bool = False


@transaction.atomic
def complete_job(*, fence: Fence, result: AttemptResult) -> bool:
    """Publish a result and charge for it. Return False if the attempt was fenced off: its result is to be deleted.

    A cancel that arrives after the result was made has no effect: the user gets the video and pays for it.
    The call may be repeated, because the response to a COMMIT may be lost.
    """
    params = asdict(fence) | asdict(result) | {"retention_days": settings.RETENTION_DAYS}
    job = next(iter(Job.objects.raw(_COMPLETE, params)), None)
    if job is None:
        return Job.objects.filter(pk=fence.job_id, attempt=fence.attempt, state=State.COMPLETED).exists()
    charged = job.charged_credits
    assert charged is not None  # noqa: S101 (the statement has set it)
    quota.settle(
        usage_key=job.usage_key,
        job_id=job.id,
        reserved=job.quoted_credits,
        charged=charged,
        gpu_seconds=result.gpu_seconds,
        stored_bytes=result.result_bytes,
    )
    dispatch_outbox_on_commit()
    publish_status_on_commit(job.id, state=State.COMPLETED, attempt=fence.attempt)
    log.info("job_completed", task_id=job.public_id, team=job.team_id, attempt=fence.attempt, charged_credits=charged)
    return True


@transaction.atomic
def fail_job(*, fence: Fence, code: str, message: Message) -> bool:
    """Fail a job permanently; nothing is charged. Return False if the attempt was fenced off."""
    return _finish_without_charge(job_leased_by(fence), State.FAILED, code, message)


@transaction.atomic
def confirm_cancel(*, fence: Fence) -> bool:
    """Finish a running job that its owner has canceled. Return False if the attempt was fenced off."""
    return _finish_without_charge(job_leased_by(fence), State.CANCELED)


@transaction.atomic
def expire_job(*, job: Job) -> bool:
    """Finish a queued job whose deadline has passed. Return False if a worker has claimed it first."""
    waiting = Job.objects.filter(pk=job.pk, state=State.QUEUED, started_at=None, deadline_at__lte=DatabaseNow())
    message = Message("The video could not be started before its deadline.")
    return _finish_without_charge(waiting, State.EXPIRED, "deadline_passed", message)


@transaction.atomic
def record_crash(*, fence: Fence, code: str, message: Message) -> bool:
    """Count a crashed attempt: requeue the job with a delay, or fail it once `max_attempts` attempts have crashed.

    A job whose cancellation was requested in the meantime is canceled. Return False if the attempt was fenced off.
    """
    job = job_leased_by(fence).select_for_update().first()
    if job is None:
        return False
    if job.cancel_requested_at is not None:
        return confirm_cancel(fence=fence)
    crashes = job.crash_count + 1
    log.warning("attempt_crashed", task_id=job.public_id, attempt=job.attempt, crashes=crashes, code=code)
    if crashes >= min(job.max_attempts, _MAX_CRASHES.get(code, job.max_attempts)):
        job_leased_by(fence).update(crash_count=crashes)
        final = Message("%(reason)s It was tried %(count)s times.", {"reason": message, "count": crashes})
        return fail_job(fence=fence, code=code, message=final)
    delay_seconds = _CRASH_RETRY_DELAYS_SECONDS[min(crashes, len(_CRASH_RETRY_DELAYS_SECONDS)) - 1]
    _requeue(fence, delay_seconds=delay_seconds, crash_count=crashes)
    wake_up_on_commit(job.pool)
    return True


@transaction.atomic
def requeue_job(*, fence: Fence, delay_seconds: float = 0, was_refused: bool = False) -> bool:
    """Return an unfinished job to the queue without counting a crash (drain, storage outage).

    It is not claimed again before `delay_seconds` have passed. A job whose cancellation was requested in the meantime
    is canceled. was_refused: the upstream server did not take the job, so that its deadline for starting applies again,
    unless an earlier attempt started it. Return False if the attempt was fenced off.
    """
    job = job_leased_by(fence).select_for_update().first()
    if job is None:
        return False
    if job.cancel_requested_at is not None:
        return confirm_cancel(fence=fence)
    started_at = None if was_refused and job.external_id is None else job.started_at
    _requeue(fence, delay_seconds=delay_seconds, started_at=started_at)
    log.info("job_requeued", task_id=job.public_id, attempt=job.attempt)
    wake_up_on_commit(job.pool)
    return True


@transaction.atomic
def fail_queued(*, job: Job, code: str, message: Message) -> bool:
    """Fail a queued job that no worker can make. Return False if a worker has claimed it first."""
    return _finish_without_charge(Job.objects.filter(pk=job.pk, state=State.QUEUED), State.FAILED, code, message)


@transaction.atomic
def cancel_queued(*, job: Job) -> bool:
    """Cancel a queued job. Return False if a worker has claimed it first."""
    return _finish_without_charge(Job.objects.filter(pk=job.pk, state=State.QUEUED), State.CANCELED)


def _requeue(fence: Fence, *, delay_seconds: float, **columns: object) -> None:
    not_before = DatabaseNow() + timedelta(seconds=delay_seconds) if delay_seconds else None
    job_leased_by(fence).update(
        state=State.QUEUED, lease_owner=None, lease_until=None, steps_done=0, not_before=not_before, **columns
    )
    publish_status_on_commit(fence.job_id, state=State.QUEUED, attempt=fence.attempt)


def _finish_without_charge(rows: QuerySet[Job], state: State, code: str = "", message: Message = _NO_MESSAGE) -> bool:
    job = rows.select_for_update().first()
    if job is None:
        return False
    rows.update(
        state=state,
        finished_at=DatabaseNow(),
        lease_owner=None,
        lease_until=None,
        error_code=code,
        error_message=message.template,
        error_params=message.params_as_json(),
    )
    if job.external_is_open:
        enqueue_on_commit("cancel_external_jobs")
    quota.release(usage_key=job.usage_key, job_id=job.id, reserved=job.quoted_credits)
    record_event(job.id, state.value)
    dispatch_outbox_on_commit()
    publish_status_on_commit(job.id, state=state, attempt=job.attempt, code=code, message=str(message))
    log.info("job_finished", task_id=job.public_id, team=job.team_id, state=state.value, code=code, error=str(message))
    return True
