"""The status of the whole job system, in one query on partial indexes: fast with any number of finished jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from common.messages import Message
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS
from jobs.queue.workers import LOADED_STATES

# The oldest undispatched event has the smallest id.
_STATUS = """
SELECT (SELECT json_agg(json_build_array(state, model, last_error, last_error_params) ORDER BY last_error)
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

    worker_errors: why a worker of a model cannot work. oldest_expired_lease_seconds: negative while no lease has
    expired.
    """

    workers: int
    models_loaded: frozenset[str]
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
    workers = rows or []
    return SystemStatus(
        workers=len(workers),
        models_loaded=frozenset(model for state, model, *_ in workers if state in LOADED_STATES),
        worker_errors={
            model: Message.from_columns(template, params)
            for state, model, template, params in workers
            if state == Worker.State.UNHEALTHY
        },
        gpu_memory_used_mb=int(used_mb),
        queued=queued,
        oldest_pending_event_seconds=float(oldest_event),
        oldest_expired_lease_seconds=float(oldest_expired_lease),
    )
