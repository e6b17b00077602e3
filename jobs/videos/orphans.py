"""Delete orphans: objects in the storage that no job refers to.

A submit stores the images before its transaction, and an attempt its result before it finishes the job. A process
that is killed in between leaves objects behind. A fenced-off attempt may even write them after the job has finished.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q

from common.clock import DatabaseNow
from jobs.models import Job
from jobs.states import TERMINAL, State
from jobs.storage.files import SOURCE_NAME, TEAMS_FOLDER, delete_folder, job_folder, prune_folder
from jobs.videos.renditions import on_demand_keys

log = structlog.get_logger(__name__)

_BATCH_SIZE = 500
# A finished job is swept repeatedly for this long. After that no fenced-off attempt is still running.
_FENCED_OFF_WRITES_MAX_AGE = timedelta(days=1)


def sweep_orphans(*, older_than: timedelta) -> int:
    """Delete orphans and return the number of objects and folders. Several processes may run it at once.

    older_than: must exceed the duration of a submit, and the time in which a fenced-off attempt may still store files.
    """
    count = _sweep_finished_jobs(older_than) + _sweep_unknown_folders(older_than)
    if count:
        log.info("orphans_deleted", count=count)
    return count


def sweep_old_orphans() -> int:
    """Delete orphans that are too old to belong to an upload in progress."""
    return sweep_orphans(older_than=timedelta(seconds=settings.ORPHAN_MIN_AGE_SECONDS))


def _sweep_finished_jobs(older_than: timedelta) -> int:
    """Delete the objects of unsuccessful attempts in the folders of jobs that finished recently."""
    retried = Q(attempt__gt=1) | Q(~Q(state=State.COMPLETED), attempt=1)
    finished = Q(
        state__in=TERMINAL,
        files_deleted_at=None,
        finished_at__lte=DatabaseNow() - older_than,
        finished_at__gte=DatabaseNow() - older_than - _FENCED_OFF_WRITES_MAX_AGE,
    )
    jobs = Job.objects.filter(finished, retried).only(
        "id", "team_id", "source_key", "last_image_key", "result_key", "poster_key"
    )
    return sum(
        prune_folder(
            job_folder(job),
            # An on-demand rendition may be in the making right now.
            keep={job.source_key, job.last_image_key, job.result_key, job.poster_key, *on_demand_keys(job)},
        )
        for job in jobs.iterator()
    )


def _sweep_unknown_folders(older_than: timedelta) -> int:
    """Delete the folders of submits that were never committed, and of videos whose files were deleted before."""
    folders = _old_folders(older_than)
    count = 0
    while batch := list(islice(folders, _BATCH_SIZE)):
        count += _delete_unknown_folders(batch, older_than)
    return count


def _delete_unknown_folders(folders: list[str], older_than: timedelta) -> int:
    keys = [f"{folder}/{SOURCE_NAME}" for folder in folders]
    jobs = Job.objects.filter(source_key__in=keys).exclude(files_deleted_at__lte=DatabaseNow() - older_than)
    unknown = set(folders).difference(map(job_folder, jobs.only("source_key")))
    for folder in unknown:
        delete_folder(folder)
    return len(unknown)


def _old_folders(older_than: timedelta) -> Iterator[str]:
    """Yield the folders of jobs that are old enough.

    A folder is as old as the id in its name: a UUIDv7 begins with the milliseconds since 1970.
    """
    newest = (datetime.now(UTC) - older_than).timestamp() * 1000
    for team in _folders_in(TEAMS_FOLDER):
        videos = f"{TEAMS_FOLDER}/{team}/videos"
        for name in _folders_in(videos):
            try:
                folder_id = uuid.UUID(hex=name)
            except ValueError:
                continue  # not a folder of this application
            if folder_id.int >> 80 <= newest:
                yield f"{videos}/{name}"


def _folders_in(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[0]
    except FileNotFoundError:
        return []
