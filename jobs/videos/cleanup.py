"""Delete the files of videos that were deleted or have passed their retention period."""

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.quota.services import free_storage
from common.clock import DatabaseNow
from jobs.models import Job, Rendition
from jobs.states import ACTIVE, TERMINAL
from jobs.storage.files import delete_folder, job_folder

log = structlog.get_logger(__name__)


def delete_due_files() -> int:
    """Delete the files that are due and return the number of videos. Several processes may run it at once.

    Files that cannot be deleted are left for the next run; the others are deleted all the same.
    """
    # A running job may still write files. They are deleted after it has finished. Another one may need the file, to
    # join it with its own.
    needed = Job.objects.filter(extends=OuterRef("pk"), leading_frames__gt=0, state__in=ACTIVE)
    due = Job.objects.filter(
        Q(deleted_at__isnull=False) | Q(expires_at__lte=DatabaseNow()),
        ~Exists(needed),
        state__in=TERMINAL,
        files_deleted_at=None,
    )
    return sum(_delete_files(job) for job in due.only("id", "team_id", "source_key", "result_bytes").iterator())


def _delete_files(job: Job) -> bool:
    try:
        # Without a lock or a transaction: the storage may be slow, and deleting twice is safe.
        delete_folder(job_folder(job))
    except OSError as error:
        log.warning("file_deletion_failed", task_id=job.public_id, reason=str(error))
        return False
    _record_deletion(job)
    log.info("files_deleted", task_id=job.public_id, team=job.team_id)
    return True


@transaction.atomic
def _record_deletion(job: Job) -> None:
    first = Job.objects.filter(pk=job.pk, files_deleted_at=None).update(files_deleted_at=DatabaseNow())
    Rendition.objects.filter(job=job).delete()
    if first and job.result_bytes:
        free_storage(team_id=job.team_id, stored_bytes=job.result_bytes)
