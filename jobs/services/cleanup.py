"""Deletes the files of videos that were deleted or have outlived their retention."""

import structlog
from django.db import transaction
from django.db.models import Q

from common.clock import DatabaseNow
from jobs.models import Job
from jobs.services.storage import delete_folder, job_folder
from jobs.states import TERMINAL

log = structlog.get_logger(__name__)


def delete_due_files() -> int:
    """Deletes what is due; returns of how many videos. Several processes may run it at once."""
    done = 0
    while _delete_one():
        done += 1
    return done


@transaction.atomic
def _delete_one() -> bool:
    # A job that still runs may still write files: its turn comes when it is closed.
    due = Job.objects.filter(
        Q(deleted_at__isnull=False) | Q(expires_at__lte=DatabaseNow()), state__in=TERMINAL, files_deleted_at=None
    )
    job = due.select_for_update(skip_locked=True).only("id", "team_id").first()
    if job is None:
        return False
    delete_folder(job_folder(job.team_id, job.id))
    Job.objects.filter(pk=job.pk).update(files_deleted_at=DatabaseNow())
    log.info("files_deleted", task_id=job.public_id, team=job.team_id)
    return True
