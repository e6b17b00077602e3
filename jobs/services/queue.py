"""What a waiting job waits for, and about how long."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from accounts import tenancy
from accounts.models import Team
from accounts.quota.allowance import allowance_of
from common.clock import DatabaseNow
from inference.catalogue import ModelSpec
from jobs.models import Job, Priority, Worker
from jobs.states import State

# A worker that has not beaten for this long is not counted on.
LIVE_WORKER_SECONDS = 20


@dataclass(frozen=True)
class Wait:
    """An estimate. position: about how many jobs start earlier. reason: capacity, team_concurrency, model_loading."""

    position: int
    eta_seconds: float | None
    reason: str | None


def live_workers(pool: str) -> QuerySet[Worker]:
    """Workers of a pool that beat lately."""
    return Worker.objects.filter(pool=pool, last_beat_at__gte=DatabaseNow() - timedelta(seconds=LIVE_WORKER_SECONDS))


def describe_wait_of_new(*, team: Team, spec: ModelSpec, priority: Priority, credits: int) -> Wait:  # noqa: A002
    """How long a video would wait that were submitted now."""
    new = Job(team=team, model=spec.name, pool=spec.pool, priority=priority, quoted_credits=credits, state=State.QUEUED)
    return describe_wait(new)


def describe_wait(job: Job) -> Wait:
    """For each of the team's own jobs ahead of this one, the fair share gives one to every other waiting team.

    Weights and other teams' lengths are left out: a promise to the second would be wrong anyway.
    """
    if job.state == State.IN_PROGRESS:
        left = job.quoted_credits * (1 - job.steps_done / max(1, job.steps))
        return Wait(0, round(left, 1), None)
    if job.state != State.QUEUED:
        return Wait(0, None, None)
    earlier = Q(priority__gt=job.priority) | Q(priority=job.priority, id__lt=job.id)
    own = Job.objects.filter(earlier, team=job.team_id, state=State.QUEUED, pool=job.pool)
    ahead = own.aggregate(n=Count("id"), s=Sum("quoted_credits"))
    teams = _waiting_teams(job.pool) if ahead["n"] else 1
    workers = [worker.state for worker in live_workers(job.pool).filter(model=job.model).only("state")]
    able = len(workers) - workers.count(Worker.State.UNHEALTHY) - workers.count(Worker.State.DRAINING)
    eta = (ahead["s"] or 0) * teams / able + job.quoted_credits if able else None
    return Wait(ahead["n"] * teams, None if eta is None else round(eta, 1), _reason(job, workers))


@tenancy.outside()  # a count of teams alone leaves this function
def _waiting_teams(pool: str) -> int:
    """How many teams have queued jobs: one index probe a team, however long their lines are."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE waiting(team_id) AS (
                SELECT min(team_id) FROM jobs_job WHERE state = 'queued' AND pool = %(pool)s
                UNION ALL
                SELECT (SELECT min(team_id) FROM jobs_job
                        WHERE state = 'queued' AND pool = %(pool)s AND team_id > waiting.team_id)
                FROM waiting WHERE waiting.team_id IS NOT NULL
            )
            SELECT count(team_id) FROM waiting
            """,
            {"pool": pool},
        )
        return int(cursor.fetchone()[0])


def _reason(job: Job, workers: list[str]) -> str:
    running = Job.objects.filter(team=job.team_id, state=State.IN_PROGRESS).count()
    if running and running >= allowance_of(job.team).max_running:
        return "team_concurrency"
    if workers and all(state == Worker.State.STARTING for state in workers):
        return "model_loading"
    return "capacity"
