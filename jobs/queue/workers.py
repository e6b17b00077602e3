"""The models that workers serve, and services for administrators: drain, resume and delete a worker."""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from common.clock import DatabaseNow
from common.errors import Conflict
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS

# In these states a worker has shown that it can load a model, and claims jobs or will do so in a moment.
SERVING_STATES = (Worker.State.READY, Worker.State.BUSY, Worker.State.LOADING)


def ready_models() -> frozenset[str]:
    """Return the models that a live worker has loaded or loads on demand."""
    oldest_heartbeat = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    workers = Worker.objects.filter(state__in=SERVING_STATES, last_heartbeat_at__gte=oldest_heartbeat)
    return frozenset().union(*(worker.served_models for worker in workers.only("model", "installed_models")))


def workers_of_models(models: Collection[str]) -> list[str]:
    """Return the names of live workers that have one of these models loaded, or may load it."""
    oldest_heartbeat = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    workers = Worker.objects.filter(
        Q(model__in=models) | Q(installed_models__has_any_keys=list(models)), last_heartbeat_at__gte=oldest_heartbeat
    )
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
