"""The status of the whole job system, in one query on partial indexes: fast with any number of finished jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from common.messages import Message
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS
from jobs.queue.workers import SERVING_STATES

# The oldest undispatched event has the smallest id.
_STATUS = """
SELECT (SELECT json_agg(json_build_array(state, model, installed_models, last_error, last_error_params)
                        ORDER BY last_error)
        FROM jobs_worker
        WHERE last_heartbeat_at >= clock_timestamp() - make_interval(secs => %(live)s)),
       COALESCE((SELECT sum(vram_total_mb - vram_free_mb) FROM jobs_worker
                 WHERE device <> 'cpu'
                   AND last_heartbeat_at >= clock_timestamp() - make_interval(secs => %(live)s)), 0),
       (SELECT count(*) FROM jobs_job WHERE state = 'queued'),
       COALESCE((SELECT EXTRACT(EPOCH FROM clock_timestamp() - created_at) FROM jobs_jobevent
                 WHERE dispatched_at IS NULL ORDER BY id LIMIT 1), 0),
       COALESCE((SELECT EXTRACT(EPOCH FROM clock_timestamp() - lease_until) FROM jobs_job
                 WHERE state = 'in_progress' ORDER BY lease_until LIMIT 1), 0)
"""


@dataclass(frozen=True)
class SystemStatus:
    """Workers with a recent heartbeat, and waiting work.

    ready_models: those that a worker has loaded or loads on demand. worker_errors: why a worker of a model cannot work,
    or could not load it. oldest_expired_lease_seconds: negative while no lease has expired.
    """

    workers: int
    ready_models: frozenset[str]
    worker_errors: Mapping[str, Message]
    gpu_memory_used_mb: int
    queued: int
    oldest_pending_event_seconds: float
    oldest_expired_lease_seconds: float


def system_status() -> SystemStatus:
    """Return the present status."""
    with connection.cursor() as cursor:
        cursor.execute(_STATUS, {"live": HEARTBEAT_MAX_AGE_SECONDS})
        rows, used_mb, queued, oldest_event, oldest_expired_lease = cursor.fetchone()
    columns = ("state", "model", "installed_models", "last_error", "last_error_params")
    workers = [Worker(**dict(zip(columns, row, strict=True))) for row in rows or []]
    serving = [worker.served_models for worker in workers if worker.state in SERVING_STATES]
    return SystemStatus(
        workers=len(workers),
        ready_models=frozenset().union(*serving),
        worker_errors={model: error for worker in workers for model, error in _errors(worker).items()},
        gpu_memory_used_mb=int(used_mb),
        queued=queued,
        oldest_pending_event_seconds=float(oldest_event),
        oldest_expired_lease_seconds=float(oldest_expired_lease),
    )


def _errors(worker: Worker) -> dict[str, Message]:
    """Return by model why the worker cannot work, or could not load it."""
    if worker.state != Worker.State.UNHEALTHY:
        return worker.load_errors
    return dict.fromkeys({worker.model, *worker.installed_models} - {""}, worker.last_error_message)
