"""Deletes objects that no job refers to: what a process had stored when it died before it could say so.

A submit stores the picture before its transaction, an attempt stores its result before it closes the job: whoever is
killed in between leaves objects behind. One that was fenced off may even write them after the job is closed.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog
from django.core.files.storage import default_storage
from django.db.models import Q

from common.clock import DatabaseNow
from jobs.models import Job
from jobs.states import TERMINAL, State
from jobs.storage.files import TEAMS_FOLDER, delete_folder, job_folder, prune_folder
from jobs.videos.renditions import on_demand_keys

log = structlog.get_logger(__name__)

_BATCH_SIZE = 500
# A job is looked at again for so long after the first time: its zombies are dead by then.
_FENCED_OFF_WRITES_MAX_AGE = timedelta(days=1)


def sweep_orphans(*, older_than: timedelta) -> int:
    """Returns how many objects and folders it deleted. Several processes may run it at once.

    older_than: longer than any submit lasts, and than a fenced-off attempt may still be storing what it made.
    """
    count = _sweep_finished_jobs(older_than) + _sweep_unknown_folders(older_than)
    if count:
        log.info("orphans_deleted", count=count)
    return count


def _sweep_finished_jobs(older_than: timedelta) -> int:
    """Objects of attempts that published nothing, below jobs that were closed lately."""
    retried = Q(attempt__gt=1) | Q(~Q(state=State.COMPLETED), attempt=1)
    closed = Q(
        state__in=TERMINAL,
        files_deleted_at=None,
        finished_at__lte=DatabaseNow() - older_than,
        finished_at__gte=DatabaseNow() - older_than - _FENCED_OFF_WRITES_MAX_AGE,
    )
    jobs = Job.objects.filter(closed, retried).only("id", "team_id", "source_key", "result_key", "poster_key")
    return sum(
        prune_folder(
            job_folder(job.team_id, job.id),
            # What is made on demand may be on its way just now.
            keep={job.source_key, job.result_key, job.poster_key, *on_demand_keys(job)},
        )
        for job in jobs.iterator()
    )


def _sweep_unknown_folders(older_than: timedelta) -> int:
    """Folders of submits that were never committed, and of videos whose files had been deleted already."""
    count, batch = 0, []
    for folder, job_id in _old_folders(older_than):
        batch.append((folder, job_id))
        if len(batch) == _BATCH_SIZE:
            count += _delete_unknown_folders(batch, older_than)
            batch = []
    return count + _delete_unknown_folders(batch, older_than)


def _delete_unknown_folders(folders: list[tuple[str, uuid.UUID]], older_than: timedelta) -> int:
    jobs = Job.objects.filter(pk__in=[job_id for _, job_id in folders])
    kept = set(jobs.exclude(files_deleted_at__lte=DatabaseNow() - older_than).values_list("pk", flat=True))
    unknown = [folder for folder, job_id in folders if job_id not in kept]
    for folder in unknown:
        delete_folder(folder)
    return len(unknown)


def _old_folders(older_than: timedelta) -> Iterator[tuple[str, uuid.UUID]]:
    """A job's folder is made when its id is, and a UUIDv7 begins with the milliseconds since 1970."""
    newest = (datetime.now(UTC) - older_than).timestamp() * 1000
    for team in _folders_in(TEAMS_FOLDER):
        videos = f"{TEAMS_FOLDER}/{team}/videos"
        for name in _folders_in(videos):
            try:
                job_id = uuid.UUID(hex=name)
            except ValueError:
                continue  # not ours
            if job_id.int >> 80 <= newest:
                yield f"{videos}/{name}", job_id


def _folders_in(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[0]
    except FileNotFoundError:
        return []
