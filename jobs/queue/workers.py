"""What an administrator asks of a worker: to drain, to go on, to be forgotten."""

from datetime import timedelta

from django.db import transaction

from common.clock import DatabaseNow
from common.errors import Conflict
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS


@transaction.atomic
def drain_worker(*, worker: Worker) -> bool:
    """Has a worker finish what it holds and claim nothing more; it stays up, with its model loaded, as `draining`.

    It reads the wish with its next beat, so that a claim may still slip in before. Returns False when it was asked
    before.
    """
    return bool(
        Worker.objects.filter(pk=worker.pk, drain_requested_at=None).update(
            drain_requested_at=DatabaseNow(), state=Worker.State.DRAINING
        )
    )


@transaction.atomic
def resume_worker(*, worker: Worker) -> bool:
    """Takes a drain back: the worker claims again from its next beat on. Returns False when none was asked for."""
    return bool(Worker.objects.filter(pk=worker.pk, drain_requested_at__isnull=False).update(drain_requested_at=None))


@transaction.atomic
def delete_worker(*, worker: Worker) -> None:
    """Deletes the row of a worker that is gone. Raises Conflict for one that still beats: it would write it again."""
    silent_since = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    if not Worker.objects.filter(pk=worker.pk, last_heartbeat_at__lt=silent_since).delete()[0]:
        raise Conflict("This worker is alive. Stop its process first; its row goes with it.", code="worker_alive")
