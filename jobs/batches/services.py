"""Writes to batches: begin, go on, withdraw, end."""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from accounts.auth.principals import Principal
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

# Longer than one request needs, decoding and storing included. After it another call may go on.
INTAKE_LEASE = timedelta(seconds=20)
# A batch that nobody goes on with ends with what was taken, or is withdrawn. Without a key nobody can.
_INTAKE_RESUME_TIMEOUT = timedelta(hours=1)


def create_or_resume_batch(
    *, principal: Principal, options: dict[str, Any], total: int, idempotency: IdempotencyKey | None
) -> tuple[Batch, bool]:
    """The batch, and whether this call holds the lease to take its requests.

    With a key that made a batch already, that one: to go on where the call before broke off, or as it stands.
    Raises Conflict where the key came with another body, or another call is at it.
    """
    if idempotency and (known := find_by_idempotency_key(principal=principal, idempotency=idempotency)):
        return _resume(known)
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
    except IntegrityError:  # the same key came in between
        return create_or_resume_batch(principal=principal, options=options, total=total, idempotency=idempotency)
    batch.refresh_from_db()
    log.info("batch_created", batch=batch.public_id, team=batch.team_id, total=total)
    return batch, True


def find_by_idempotency_key(*, principal: Principal, idempotency: IdempotencyKey) -> Batch | None:
    """The batch that this key made. Raises Conflict when it came with another body."""
    matching = Batch.objects.for_team(principal.team).filter(idempotency_key=idempotency.key)
    matching.filter(created_at__lte=DatabaseNow() - KEY_RETENTION).update(idempotency_key="")
    batch = matching.first()
    if batch is not None and bytes(batch.fingerprint) != idempotency.fingerprint:
        message = "This Idempotency-Key was used with another body. Send the same body, or a new key."
        raise Conflict(message, code="idempotency_conflict", param="Idempotency-Key")
    return batch


def _resume(batch: Batch) -> tuple[Batch, bool]:
    if batch.intake_lease_until is None:
        return batch, False
    free = Batch.objects.filter(pk=batch.pk, intake_attempt=batch.intake_attempt, intake_lease_until__lte=DatabaseNow())
    if not free.update(intake_attempt=F("intake_attempt") + 1, intake_lease_until=DatabaseNow() + INTAKE_LEASE):
        message = "A call with this Idempotency-Key is still at work. Send it again in a moment."
        raise Conflict(message, code="request_in_progress", retry_after_seconds=5)
    batch.refresh_from_db()
    return batch, True


def cancel_batch(*, batch: Batch) -> None:
    """Withdraws every video that is not closed, one after another; what is not taken yet is not taken any more.

    Doing it again goes on where a call before broke off. No effect on a batch that is over.
    """
    _cancel_jobs(batch)
    _finish(batch.pk)


def _cancel_jobs(batch: Batch) -> None:
    matching = Batch.objects.filter(pk=batch.pk, state=Batch.State.IN_PROGRESS)
    # First, and for itself: no request is taken behind it.
    matching.filter(cancel_requested_at=None).update(cancel_requested_at=DatabaseNow(), intake_lease_until=None)
    for job in Job.objects.filter(batch_item__batch=batch, state__in=ACTIVE).order_by("-pk"):
        cancel_job(job=job)


def finish_due_batches() -> int:
    """Ends the batches whose last video is closed; returns how many. Several processes may run it at once.

    Closing a video knows nothing of batches. Of each open batch one video is remembered that was not closed, so that a
    look costs one row a batch.
    """
    # All or nothing, and it has come to neither: whoever took its requests died, or had not the time.
    partially_accepted = Q(on_error=Batch.OnError.FAIL_FAST, intake_lease_until__isnull=False)
    due = _finishable().filter(Q(pending_job=None) | Q(pending_job__state__in=TERMINAL) | partially_accepted)
    count = 0
    for batch in due:
        if batch.on_error == Batch.OnError.FAIL_FAST and batch.intake_lease_until is not None:
            _cancel_jobs(batch)
        count += _finish(batch.pk)
    return count


def _finishable() -> QuerySet[Batch]:
    """Open ones whose requests are all taken, or given up."""
    given_up = Q(intake_lease_until__lte=DatabaseNow() - _INTAKE_RESUME_TIMEOUT) | Q(
        idempotency_key="", intake_lease_until__lte=DatabaseNow()
    )
    return Batch.objects.filter(Q(intake_lease_until=None) | given_up, state=Batch.State.IN_PROGRESS)


@transaction.atomic
def _finish(batch_id: uuid.UUID) -> bool:
    """Ends a batch and tells it, in one transaction; or remembers a video that is still open."""
    batch = _finishable().filter(pk=batch_id).select_for_update(skip_locked=True).first()
    if batch is None:
        return False
    # The last one first: a team's videos are made in turn.
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
    dispatch(
        team_id=batch.team_id,
        kind=f"batch.{state.value}",
        subject_id=batch.pk,
        data=payload,
        extra_url=batch.webhook_url,
    )
    log.info("batch_finished", batch=batch.public_id, team=batch.team_id, state=state.value)
    return True
