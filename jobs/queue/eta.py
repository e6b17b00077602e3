"""What a waiting job waits for, and about how long."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.db.models import QuerySet

from accounts import tenancy
from accounts.models import Team
from accounts.tenancy.postgres.prepared import fetch_one
from common.clock import DatabaseNow
from inference.catalogue import ModelSpec
from jobs.models import Job, Priority, Worker
from jobs.states import State

# A worker that has not beaten for this long is not counted on.
HEARTBEAT_MAX_AGE_SECONDS = 20


@dataclass(frozen=True)
class QueueEstimate:
    """An estimate. position: about how many jobs start earlier. reason: capacity, team_concurrency, model_loading."""

    position: int
    eta_seconds: float | None
    reason: str | None


def live_workers(pool: str) -> QuerySet[Worker]:
    """Workers of a pool that beat lately."""
    return Worker.objects.filter(
        pool=pool, last_heartbeat_at__gte=DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS)
    )


def estimate_wait_for_new(*, team: Team, spec: ModelSpec, priority: Priority, credits: int) -> QueueEstimate:  # noqa: A002
    """How long a video would wait that were submitted now."""
    new = Job(team=team, model=spec.name, pool=spec.pool, priority=priority, quoted_credits=credits, state=State.QUEUED)
    return estimate_wait(new)


# How many teams wait is one index probe a team, however long their lines are, and only asked where it matters.
_POSITION = """
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
       workers.known, workers.able, workers.starting, workers.credits_a_second, making.jobs, making.credits
FROM (
    SELECT count(*) AS jobs, COALESCE(sum(quoted_credits), 0)::bigint AS credits FROM jobs_job
    WHERE team_id = %(team)s::bigint AND state = 'queued' AND pool = %(pool)s::text
      AND (priority > %(priority)s::smallint OR priority = %(priority)s::smallint AND id < %(job)s::uuid)
) ahead
CROSS JOIN (
    SELECT count(*) AS jobs, COALESCE(sum(quoted_credits * (1 - steps_done::float8 / GREATEST(steps, 1))), 0) AS credits
    FROM jobs_job WHERE state = 'in_progress' AND pool = %(pool)s::text AND model = %(model)s::text
) making
CROSS JOIN (
    SELECT count(*) AS known, count(*) FILTER (WHERE state NOT IN ('unhealthy', 'draining')) AS able,
           count(*) FILTER (WHERE state = 'starting') AS starting,
           sum(1 / COALESCE(seconds_per_credit, 1)) FILTER (WHERE state NOT IN ('unhealthy', 'draining')) AS credits_a_second
    FROM jobs_worker WHERE pool = %(pool)s::text AND model = %(model)s::text
      AND last_heartbeat_at >= clock_timestamp() - make_interval(secs => %(live_seconds)s)
) workers
LEFT JOIN quota_wallet wallet ON wallet.team_id = %(team)s::bigint
LEFT JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = wallet.team_id
"""


@tenancy.unscoped()  # of other teams nothing but their number leaves this function
def estimate_wait(job: Job) -> QueueEstimate:
    """How long it takes, at the speeds that the workers measured on their latest videos; one that measured none
    counts as the reference GPU.

    For each of the team's own jobs ahead of this one, the fair share gives one to every other waiting team.
    Weights and other teams' lengths are left out: a promise to the second would be wrong anyway.
    """
    if job.state == State.IN_PROGRESS:
        left = job.quoted_credits * (1 - job.steps_done / max(1, job.steps))
        return QueueEstimate(0, round(left * (job.seconds_per_credit or 1), 1), None)
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
    # Sums alone: there always is a row.
    ahead, credits_ahead, teams, running, max_running, workers, able, starting, rate, made, credits_made = cast(
        "tuple[Any, ...]", row
    )
    eta = None
    if able:
        before = credits_ahead * teams + (credits_made if made >= able else 0)
        eta = round((before + job.quoted_credits * able) / rate, 1)
    reason = "capacity"
    if running and running >= max_running:
        reason = "team_concurrency"
    elif workers and starting == workers:
        reason = "model_loading"
    return QueueEstimate(ahead * teams, eta, reason)
