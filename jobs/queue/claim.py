"""Claims the next job of a pool for a worker: by fair share of the teams, then priority with aging, then age.

Start-time fair queueing over teams: a job's start tag is max(pool's virtual time, its team's finish tag). The job with
the smallest start tag is claimed, and the claim increases the team's finish tag by predicted cost / weight. A team with
20,000 queued jobs can therefore delay another team's single job by at most the jobs that are running now.
(P. Goyal, H. Vin, H. Cheng: Start-time Fair Queuing, 1996.)

A worker with several models has one of them loaded, its resident model, and loading another one, a swap, may take as
long as a video. The fair order over all its models decides which job is first. If that job is of another model, the
swap is due unless the next job of the resident model may overtake it, for which two conditions have to hold:

- Its start tag is smaller than the finish tag of the first job. Otherwise its team would be a whole job ahead.
- The jobs that overtake the first job take together no longer than the first job itself, by their quotes.

So from the moment when a worker that has its model loaded would claim a job, it waits at most for one job of its own
length and for one swap. Overtaking does not advance the virtual time, so the first job keeps its place. A model that
was loaded for a job serves one before the next swap, so that workers cannot swap without work.
`tests/benchmarks/jobs.py fairness --models 2 --teams 10` measures the waits and the swaps.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import JSONField, Q

from accounts.tenancy.postgres.prepared import fetch_one
from common.advisory_lock import LOCK_IN_TRANSACTION
from jobs.events.outbox import dispatch_outbox_on_commit
from jobs.events.publisher import publish_status_on_commit
from jobs.models import Job, Priority, Worker
from jobs.queue.eta import live_workers
from jobs.queue.residency import Candidate, Residency

# Planning the search takes seven times as long as running it, so a generic plan is made once per session.
_LOCK_POOL = f"SELECT {LOCK_IN_TRANSACTION}, set_config('plan_cache_mode', 'force_generic_plan', true)"

# The team list is a loose index scan (one index probe per team with work), and the oldest job of each priority is one
# more probe, so the cost grows with the number of teams, not of queued jobs.
# max_running counts all pools: two pools that claim for one team at the same moment may exceed it by one.
_NEXT = """
WITH RECURSIVE waiting(team_id) AS (
    (SELECT team_id FROM jobs_job WHERE state = 'queued' AND pool = %(pool)s ORDER BY team_id LIMIT 1)
    UNION ALL
    SELECT (SELECT next.team_id FROM jobs_job next
            WHERE next.state = 'queued' AND next.pool = %(pool)s AND next.team_id > waiting.team_id
            ORDER BY next.team_id LIMIT 1)
    FROM waiting WHERE waiting.team_id IS NOT NULL
), next AS (
    SELECT head.id AS job_id,
           GREATEST(share.finish_tag, pool.virtual_time, 0) AS start_tag,
           head.quoted_credits::float / COALESCE(override.weight, plan.weight) AS cost
    FROM waiting
    JOIN quota_wallet wallet ON wallet.team_id = waiting.team_id
    JOIN quota_plan plan ON plan.id = wallet.plan_id
    LEFT JOIN quota_planoverride override ON override.team_id = waiting.team_id
    LEFT JOIN jobs_pool pool ON pool.name = %(pool)s
    LEFT JOIN jobs_teamshare share ON share.team_id = waiting.team_id AND share.pool = %(pool)s
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM jobs_job WHERE state = 'in_progress' AND team_id = waiting.team_id
    ) running
    CROSS JOIN LATERAL (
        SELECT oldest.* FROM unnest(%(priorities)s) AS level(priority)
        CROSS JOIN LATERAL (
            SELECT id, team_id, quoted_credits, priority, queued_at FROM jobs_job
            WHERE state = 'queued' AND pool = %(pool)s AND team_id = waiting.team_id AND priority = level.priority
              AND model = ANY(%(models)s) AND vram_mb <= %(vram_mb)s
              AND (not_before IS NULL OR not_before <= clock_timestamp())
              AND (deadline_at IS NULL OR started_at IS NOT NULL OR deadline_at > clock_timestamp())
            ORDER BY id LIMIT 1
        ) oldest
        ORDER BY oldest.priority + EXTRACT(EPOCH FROM clock_timestamp() - oldest.queued_at) / %(aging_seconds)s DESC,
                 oldest.id
        LIMIT 1
    ) head
    WHERE running.jobs < COALESCE(override.max_running, plan.max_running)
    ORDER BY start_tag, head.id
    LIMIT 1
)
"""
_CANDIDATE = (
    _NEXT
    + """
SELECT job.id, job.model, job.quoted_credits, job.vram_mb, next.start_tag, next.start_tag + next.cost
FROM next JOIN jobs_job job ON job.id = next.job_id
"""
)
# One round trip. If the job was canceled in the meantime, no part of the statement changes anything.
_CLAIM_TEMPLATE = """{next}
, claimed AS (
    UPDATE jobs_job SET state = 'in_progress', attempt = attempt + 1, lease_owner = %(worker_id)s, steps_done = 0,
           seconds_per_credit = (SELECT seconds_per_credit FROM jobs_worker WHERE id = %(worker_id)s),
           lease_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s),
           started_at = COALESCE(started_at, clock_timestamp())
    FROM next WHERE id = next.job_id AND state = 'queued'
    RETURNING jobs_job.*, next.start_tag, next.cost
), share AS (
    INSERT INTO jobs_teamshare (pool, team_id, finish_tag)
    SELECT pool, team_id, start_tag + cost FROM claimed
    ON CONFLICT (pool, team_id) DO UPDATE SET finish_tag = EXCLUDED.finish_tag
), clock AS (
    INSERT INTO jobs_pool (name, virtual_time) SELECT pool, LEAST(start_tag, %(first_tag)s::float8) FROM claimed
    ON CONFLICT (name) DO UPDATE SET virtual_time = EXCLUDED.virtual_time
), event AS (
    INSERT INTO jobs_jobevent (job_id, kind, created_at) SELECT id, 'started', clock_timestamp() FROM claimed
    ON CONFLICT DO NOTHING
)
SELECT {columns} FROM claimed
"""
# Columns are listed by name, so that a column that is added while workers run does not change the result. JSON columns
# (metadata, warnings) are left out; Django loads them when they are read.
_FIELDS = [field for field in Job._meta.concrete_fields if not isinstance(field, JSONField)]
_CLAIM = _CLAIM_TEMPLATE.format(next=_NEXT, columns=", ".join(field.column for field in _FIELDS))


@dataclass(frozen=True)
class ModelSwap:
    """The model that a worker has to load for the job that is first."""

    model: str


@transaction.atomic
def claim_job(*, pool: str, worker_id: uuid.UUID, models: Sequence[str], vram_mb: int) -> Job | None:
    """Lease the next runnable job to a worker and return it, or return None.

    models: the models that the worker runs without loading one. vram_mb: the device memory available to one job, in
    MiB.
    """
    _lock(pool)
    return _claim(_parameters(pool, worker_id, models, vram_mb))


def claim_job_or_swap(
    *, pool: str, worker_id: uuid.UUID, models: Sequence[str], vram_mb: int, residency: Residency
) -> Job | ModelSwap | None:
    """Do the same for a worker that has at most one of `models` loaded: return a job of it, or the swap that is due.

    See the rule in the module's docstring. The row of the worker tells the other workers of the pool about the swap.
    """
    resident = residency.model
    if resident is not None and (residency.is_unused or [*models] == [resident]):
        residency.is_unused = False
        job = claim_job(pool=pool, worker_id=worker_id, models=[resident], vram_mb=vram_mb)
        if job is not None or [*models] == [resident]:
            return job
    with transaction.atomic():
        _lock(pool)
        first = _candidate(_parameters(pool, worker_id, models, vram_mb))
        if first is None:
            return None
        own = _parameters(pool, worker_id, [resident] if resident else [], vram_mb)
        if first.model != resident:
            next_own = _candidate(own)
            is_overtaking = next_own is not None and residency.may_overtake(next_own, first)
            if not is_overtaking and not _is_served_elsewhere(first, pool=pool, worker_id=worker_id):
                Worker.objects.filter(pk=worker_id).update(loading_model=first.model)
                return ModelSwap(first.model)
            if next_own is None:
                return None
            residency.record_overtaking(next_own, first)
        return _claim({**own, "first_tag": first.start_tag})


def _lock(pool: str) -> None:
    """Serialize the claims of a pool until the end of the transaction."""
    fetch_one(_LOCK_POOL, {"lock": f"claim:{pool}"})


def _parameters(pool: str, worker_id: uuid.UUID, models: Sequence[str], vram_mb: int) -> dict[str, Any]:
    return {
        "pool": pool,
        "worker_id": worker_id,
        "models": list(models),
        "vram_mb": vram_mb,
        "priorities": Priority.values,
        "aging_seconds": settings.PRIORITY_AGING_SECONDS,
        "lease_seconds": settings.LEASE_TIMEOUT_SECONDS,
        "first_tag": None,
    }


def _candidate(params: Mapping[str, Any]) -> Candidate | None:
    row = fetch_one(_CANDIDATE, params)
    return None if row is None else Candidate(*row)


def _claim(params: Mapping[str, Any]) -> Job | None:
    row = fetch_one(_CLAIM, params)
    if row is None:  # also if the job was canceled in the meantime; the worker tries again
        return None
    job = Job.from_db(DEFAULT_DB_ALIAS, [field.attname for field in _FIELDS], row)
    dispatch_outbox_on_commit()
    publish_status_on_commit(job.id, state=job.state, attempt=job.attempt)
    return job


def _is_served_elsewhere(job: Candidate, *, pool: str, worker_id: uuid.UUID) -> bool:
    """Return whether another worker claims the job within a second, or as soon as it has loaded its model."""
    others = live_workers(pool).exclude(pk=worker_id).filter(drain_requested_at=None, vram_total_mb__gte=job.vram_mb)
    return others.filter(Q(loading_model=job.model) | Q(model=job.model, state=Worker.State.READY)).exists()
