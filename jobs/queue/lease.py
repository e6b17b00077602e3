"""The lease of a worker on a running job. Every write here is fenced: it names the attempt."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from inference.generation import ExternalJob
from jobs.fencing import Fence
from jobs.models import Job
from jobs.states import State


def job_leased_by(fence: Fence) -> QuerySet[Job]:
    """Return the job's row while this attempt holds it; no row once the attempt has been fenced off."""
    return Job.objects.filter(pk=fence.job_id, attempt=fence.attempt, state=State.IN_PROGRESS)


@dataclass(frozen=True)
class LeaseRenewal:
    """The result of a renewal: whether the attempt still holds the job, and whether its owner has canceled it."""

    held: bool
    cancel_requested: bool = False


def renew_lease(*, fence: Fence, steps_done: int, external_job: ExternalJob | None = None) -> LeaseRenewal:
    """Renew the lease for LEASE_TIMEOUT_SECONDS of the database's clock and store the progress.

    external_job: the job of another server that makes the video, if there is a new one or it has changed.
    """
    external_id, external_resends, external_is_open = (
        (external_job.id, external_job.resends, external_job.is_open) if external_job else (None, None, None)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE jobs_job SET lease_until = clock_timestamp() + make_interval(secs => %s), steps_done = %s,
                   external_id = COALESCE(%s, external_id), external_resends = COALESCE(%s, external_resends),
                   external_is_open = COALESCE(%s, external_is_open)
            WHERE id = %s AND attempt = %s AND state = 'in_progress'
            RETURNING cancel_requested_at IS NOT NULL
            """,
            [
                settings.LEASE_TIMEOUT_SECONDS,
                steps_done,
                external_id,
                external_resends,
                external_is_open,
                fence.job_id,
                fence.attempt,
            ],
        )
        row = cursor.fetchone()
    return LeaseRenewal(held=False) if row is None else LeaseRenewal(held=True, cancel_requested=row[0])
