"""The upstream servers, as the workers of their models see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.clock import DatabaseNow
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS


@dataclass(frozen=True)
class UpstreamServer:
    """The server of a model.

    is_available: whether a live worker can send videos to it; changed_at: since when it can or cannot.
    waiting_seconds: how long the latest videos waited in its queue, or None before the first one.
    """

    model: str
    is_available: bool
    changed_at: datetime
    waiting_seconds: float | None


def upstream_servers() -> list[UpstreamServer]:
    """Return the servers of the live workers, by model."""
    oldest_heartbeat = DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    workers: dict[str, list[Worker]] = {}
    for worker in Worker.objects.filter(server_is_available__isnull=False, last_heartbeat_at__gte=oldest_heartbeat):
        # Such a worker has one model, which is not loaded while its key is missing.
        model = worker.model or next(iter(worker.installed_models), "")
        workers.setdefault(model, []).append(worker)
    return [_server(model, of_model) for model, of_model in sorted(workers.items())]


def _server(model: str, workers: Sequence[Worker]) -> UpstreamServer:
    is_available = any(worker.server_is_available for worker in workers)
    waits = [worker.server_waiting_seconds for worker in workers if worker.server_waiting_seconds is not None]
    return UpstreamServer(
        model=model,
        is_available=is_available,
        changed_at=min(
            worker.server_changed_at
            for worker in workers
            if worker.server_is_available == is_available and worker.server_changed_at is not None
        ),
        waiting_seconds=sum(waits) / len(waits) if waits else None,
    )
