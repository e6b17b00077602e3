"""Estimates how long a queued job will wait, and why."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.db.models import QuerySet

from accounts import tenancy
from accounts.models import Team
from accounts.tenancy.postgres.prepared import fetch_one
from common.clock import DatabaseNow
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from jobs.models import Job, Priority, Worker
from jobs.states import State

# A worker whose last heartbeat is older than this is not counted.
HEARTBEAT_MAX_AGE_SECONDS = 20
# How long a model with weights takes to load, until a worker has measured it.
_DEFAULT_LOAD_SECONDS = 30.0


@dataclass(frozen=True)
class QueueEstimate:
    """An estimate of a job's wait.

    position: about how many jobs start earlier. reason: `capacity`, `team_concurrency` or `model_loading`.
    """

    position: int
    eta_seconds: float | None
    reason: str | None


def live_workers(pool: str) -> QuerySet[Worker]:
    """Return the workers of a pool with a recent heartbeat."""
    return Worker.objects.filter(
        pool=pool, last_heartbeat_at__gte=DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    )


def estimate_wait_for_new(
    *,
    team: Team,
    descriptor: ModelDescriptor,
    priority: Priority,
    credits: int,  # noqa: A002
) -> QueueEstimate:
    """Estimate how long a video would wait if it were submitted now."""
    new = Job(
        team=team,
        model=descriptor.name,
        pool=descriptor.pool,
        priority=priority,
        quoted_credits=credits,
        state=State.QUEUED,
    )
    return estimate_wait(new)


# Counting the waiting teams costs one index probe per team, whatever the length of their queues. They are counted only
# if the job's own team has jobs ahead of it.
_POSITION_TEMPLATE = """
SELECT ahead.jobs, ahead.credits,
       CASE WHEN ahead.jobs = 0 THEN 1 ELSE (
           WITH RECURSIVE waiting(team_id) AS (
               SELECT min(team_id) FROM jobs_job WHERE state = 'queued' AND pool = %(pool)s::text
               UNION ALL
               SELECT (SELECT min(team_id) FROM jobs_job
                       WHERE state = 'queued' AND pool = %(pool)s::text AND team_id > waiting.team_id)
               FROM waiting WHERE waiting.team_id IS NOT NULL
           ) SELECT count(team_id) FROM waiting
       ) END,
       (SELECT count(*) FROM jobs_job WHERE team_id = %(team)s::bigint AND state = 'in_progress'),
       COALESCE(override.max_running, plan.max_running),
       workers.usable, workers.loaded, workers.loading, workers.load_seconds, workers.credits_per_second,
       running.jobs, running.credits
FROM (
    SELECT count(*) AS jobs, COALESCE(sum(quoted_credits), 0)::bigint AS credits FROM jobs_job
    WHERE team_id = %(team)s::bigint AND state = 'queued' AND pool = %(pool)s::text
      AND (priority > %(priority)s::smallint OR priority = %(priority)s::smallint AND id < %(job)s::uuid)
) ahead
CROSS JOIN (
    SELECT count(*) AS jobs,
           COALESCE(sum(quoted_credits * (1 - steps_done::float8 / GREATEST(COALESCE(steps, num_frames), 1))), 0)
               AS credits
    FROM jobs_job WHERE state = 'in_progress' AND pool = %(pool)s::text
      AND (model = %(model)s::text OR lease_owner IN (SELECT id FROM jobs_worker WHERE {serves_the_model}))
) running
CROSS JOIN (
    SELECT COALESCE(sum(concurrency), 0) AS usable,
           count(*) FILTER (WHERE model = %(model)s::text AND state <> 'starting') AS loaded,
           count(*) FILTER (WHERE loading_model = %(model)s::text OR state = 'starting') AS loading,
           min((installed_models -> %(model)s::text ->> 'load_seconds')::float8) AS load_seconds,
           sum(concurrency / COALESCE(seconds_per_credit, 1)) AS credits_per_second
    FROM jobs_worker WHERE {serves_the_model}
) workers
LEFT JOIN quota_wallet wallet ON wallet.team_id = %(team)s::bigint
LEFT JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = wallet.team_id
"""
_POSITION = _POSITION_TEMPLATE.format(
    serves_the_model="""
        pool = %(pool)s::text AND state NOT IN ('unhealthy', 'draining')
        AND (model = %(model)s::text OR installed_models ? %(model)s::text
                                        AND installed_models -> %(model)s::text ->> 'error' IS NULL)
        AND last_heartbeat_at >= clock_timestamp() - make_interval(secs => %(live_seconds)s)
    """
)


@tenancy.unscoped()  # the result depends on other teams only through how many of them wait
def estimate_wait(job: Job) -> QueueEstimate:
    """Estimate when a job will be done, from the speeds that the workers measured on their latest videos.

    A worker without a measurement counts as the reference GPU. For each job of the same team that is ahead of this one,
    the fair share gives one job to every other waiting team. Weights and the lengths of the other teams' queues are
    ignored, because an estimate to the second would be wrong anyway. If no worker has the model loaded, one of them
    loads it first; the videos of other models that run on workers of this one count like those of its own.
    """
    if job.state == State.IN_PROGRESS:
        credits_left = job.quoted_credits * (1 - job.steps_done / max(1, job.total_steps))
        return QueueEstimate(0, round(credits_left * (job.seconds_per_credit or 1), 1), None)
    if job.state != State.QUEUED:
        return QueueEstimate(0, None, None)
    row = fetch_one(
        _POSITION,
        {
            "team": job.team_id,
            "job": job.id,
            "priority": job.priority,
            "pool": job.pool,
            "model": job.model,
            "live_seconds": HEARTBEAT_MAX_AGE_SECONDS,
        },
    )
    # Aggregates without GROUP BY: there is always a row.
    (
        jobs_ahead,
        credits_ahead,
        teams,
        running_of_team,
        max_running,
        usable,
        loaded,
        loading,
        load_seconds,
        credits_per_second,
        running,
        running_credits,
    ) = cast("tuple[Any, ...]", row)
    eta = None
    if usable:
        credits_before = credits_ahead * teams + (running_credits if running >= usable else 0)
        eta = (credits_before + job.quoted_credits * usable) / credits_per_second
        if not loaded:
            eta += _default_load_seconds(job.model) if load_seconds is None else load_seconds
        eta = round(eta, 1)
    reason = "capacity"
    if running_of_team and running_of_team >= max_running:
        reason = "team_concurrency"
    elif usable and not loaded and (loading or running < usable):
        reason = "model_loading"
    return QueueEstimate(jobs_ahead * teams, eta, reason)


def _default_load_seconds(model: str) -> float:
    descriptor = MODELS.get(model)
    return _DEFAULT_LOAD_SECONDS if descriptor and descriptor.weights else 0.0
