"""Create, resume, cancel and finish batches."""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from accounts.auth.principals import Principal
from accounts.roles import Scope
from accounts.teams.access import has_scope
from common.clock import DatabaseNow
from common.errors import Conflict
from jobs.batches.models import Batch
from jobs.batches.progress import progress_of_batch
from jobs.batches.serializers import batch_as_json
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.states import ACTIVE, TERMINAL
from jobs.videos.idempotency import KEY_RETENTION, IdempotencyKey
from jobs.webhooks.outbox import dispatch

log = structlog.get_logger(__name__)

# Longer than one request usually takes, including decoding and storing. Afterwards another API request may resume
# intake; one that was only slow then notices that its lease was lost.
INTAKE_LEASE = timedelta(seconds=20)
# If intake is not resumed within an hour, the batch is finished with the requests accepted so far (or canceled for
# `fail_fast`). Without an Idempotency-Key it cannot be resumed, so it is finished when the lease has expired.
_INTAKE_RESUME_TIMEOUT = timedelta(hours=1)


def create_or_resume_batch(
    *, principal: Principal, options: dict[str, Any], total: int, idempotency: IdempotencyKey | None
) -> tuple[Batch, bool]:
    """Return the batch, and whether the caller holds the lease for its intake.

    If the key was used before, this is the existing batch; its intake is resumed if it was interrupted.
    Raise Conflict if the key was used with another body, or if another API request holds the lease.
    """
    if idempotency and (existing := find_by_idempotency_key(principal=principal, idempotency=idempotency)):
        return _resume(existing)
    batch = Batch(
        team=principal.team,
        user=principal.user,
        api_key=principal.api_key,
        total=total,
        intake_lease_until=DatabaseNow() + INTAKE_LEASE,
        idempotency_key=idempotency.key if idempotency else "",
        fingerprint=idempotency.fingerprint if idempotency else b"",
        **options,
    )
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
    except IntegrityError:  # another request with the same key was first
        return create_or_resume_batch(principal=principal, options=options, total=total, idempotency=idempotency)
    batch.refresh_from_db()
    log.info("batch_created", batch=batch.public_id, team=batch.team_id, total=total)
    return batch, True


def find_by_idempotency_key(*, principal: Principal, idempotency: IdempotencyKey) -> Batch | None:
    """Return the batch that was created with this key. Raise Conflict if it was created with another body."""
    matching = Batch.objects.for_team(principal.team).filter(idempotency_key=idempotency.key)
    matching.filter(created_at__lte=DatabaseNow() - KEY_RETENTION).update(idempotency_key="")
    batch = matching.first()
    if batch is not None and bytes(batch.fingerprint) != idempotency.fingerprint:
        raise Conflict(
            "This Idempotency-Key was used with another body. Send the same body, or a new key.",
            code="idempotency_conflict",
            param="Idempotency-Key",
        )
    return batch


def _resume(batch: Batch) -> tuple[Batch, bool]:
    if batch.intake_lease_until is None:
        return batch, False
    expired = Batch.objects.filter(
        pk=batch.pk, intake_attempt=batch.intake_attempt, intake_lease_until__lte=DatabaseNow()
    )
    if not expired.update(intake_attempt=F("intake_attempt") + 1, intake_lease_until=DatabaseNow() + INTAKE_LEASE):
        raise Conflict(
            "A request with this Idempotency-Key is still being processed. Try again in a moment.",
            code="request_in_progress",
            retry_after_seconds=5,
        )
    batch.refresh_from_db()
    return batch, True


def cancel_batch(*, batch: Batch) -> None:
    """Cancel every video that is not finished, one by one; pending requests are no longer accepted.

    A repeated call continues where an interrupted one stopped. It has no effect on a finished batch.
    """
    _cancel_jobs(batch)
    _finish(batch.pk)


def _cancel_jobs(batch: Batch) -> None:
    matching = Batch.objects.filter(pk=batch.pk, state=Batch.State.IN_PROGRESS)
    # First, and in its own transaction: afterwards no request is accepted.
    matching.filter(cancel_requested_at=None).update(cancel_requested_at=DatabaseNow(), intake_lease_until=None)
    for job in Job.objects.filter(batch_item__batch=batch, state__in=ACTIVE).order_by("-pk"):
        cancel_job(job=job)


def finish_due_batches() -> int:
    """Finish the batches whose last video has finished; return their number. Several processes may run this at once.

    A job that finishes does not update its batch. Each batch refers to one unfinished video instead, so that a check
    reads one row per batch.
    """
    # fail_fast, but only a part was accepted: the process that did the intake was killed, or reached its deadline.
    partially_accepted = Q(on_error=Batch.OnError.FAIL_FAST, intake_lease_until__isnull=False)
    due = _finishable().filter(Q(pending_job=None) | Q(pending_job__state__in=TERMINAL) | partially_accepted)
    count = 0
    for batch in due:
        if batch.on_error == Batch.OnError.FAIL_FAST and batch.intake_lease_until is not None:
            _cancel_jobs(batch)
        count += _finish(batch.pk)
    return count


def _finishable() -> QuerySet[Batch]:
    """Return the batches in progress whose intake has finished or was abandoned."""
    abandoned = Q(intake_lease_until__lte=DatabaseNow() - _INTAKE_RESUME_TIMEOUT) | Q(
        idempotency_key="", intake_lease_until__lte=DatabaseNow()
    )
    return Batch.objects.filter(Q(intake_lease_until=None) | abandoned, state=Batch.State.IN_PROGRESS)


@transaction.atomic
def _finish(batch_id: uuid.UUID) -> bool:
    """Finish a batch and dispatch its event in one transaction, or record a video that is not finished."""
    batch = _finishable().filter(pk=batch_id).select_for_update(skip_locked=True).first()
    if batch is None:
        return False
    # The newest first: a team's videos are processed in order.
    last = Job.objects.filter(batch_item__batch=batch, state__in=ACTIVE).order_by("-pk").first()
    if last is not None:
        Batch.objects.filter(pk=batch.pk).update(pending_job=last)
        return False
    State = Batch.State  # noqa: N806
    state = State.CANCELED if batch.cancel_requested_at else State.COMPLETED
    Batch.objects.filter(pk=batch.pk).update(
        state=state, finished_at=DatabaseNow(), intake_lease_until=None, pending_job=None
    )
    batch.refresh_from_db()
    payload = batch_as_json(batch, progress_of_batch(batch))
    is_entitled = has_scope(team_id=batch.team_id, user_id=batch.user_id, scope=Scope.VIDEOS_WRITE)
    dispatch(
        team_id=batch.team_id,
        kind=f"batch.{state.value}",
        subject_id=batch.pk,
        data=payload,
        extra_url=batch.webhook_url if is_entitled else "",
    )
    log.info("batch_finished", batch=batch.public_id, team=batch.team_id, state=state.value)
    return True
