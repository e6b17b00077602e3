"""The models that workers have loaded, and services for administrators: drain, resume and delete a worker."""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction

from common.clock import DatabaseNow
from common.errors import Conflict
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS

LOADED_STATES = (Worker.State.READY, Worker.State.BUSY)


def loaded_models() -> frozenset[str]:
    """Return the models that a live worker has loaded."""
    oldest_heartbeat = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    workers = Worker.objects.filter(state__in=LOADED_STATES, last_heartbeat_at__gte=oldest_heartbeat)
    return frozenset(workers.values_list("model", flat=True))


def workers_of_models(models: Collection[str]) -> list[str]:
    """Return the names of live workers that have one of these models loaded, or are loading it."""
    oldest_heartbeat = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    workers = Worker.objects.filter(model__in=models, last_heartbeat_at__gte=oldest_heartbeat)
    return list(workers.order_by("name").values_list("name", flat=True))


@transaction.atomic
def drain_worker(*, worker: Worker) -> bool:
    """Make a worker finish its jobs without claiming new ones. It keeps running with its model loaded, as `draining`.

    The worker reads the request at its next heartbeat, so it may claim one more job before. Return False if a drain was
    requested before.
    """
    return bool(
        Worker.objects.filter(pk=worker.pk, drain_requested_at=None).update(
            drain_requested_at=DatabaseNow(), state=Worker.State.DRAINING
        )
    )


@transaction.atomic
def resume_worker(*, worker: Worker) -> bool:
    """End a drain: the worker claims jobs again from its next heartbeat on. Return False if none was requested."""
    return bool(Worker.objects.filter(pk=worker.pk, drain_requested_at__isnull=False).update(drain_requested_at=None))


@transaction.atomic
def delete_worker(*, worker: Worker) -> None:
    """Delete the row of a dead worker. Raises Conflict for a live one, which would create its row again."""
    oldest_heartbeat = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    if not Worker.objects.filter(pk=worker.pk, last_heartbeat_at__lt=oldest_heartbeat).delete()[0]:
        raise Conflict(
            "This worker is still running. Stop its process, which also removes it from this list.",
            code="worker_alive",
        )
