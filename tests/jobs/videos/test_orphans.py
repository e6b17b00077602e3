"""The sweep deletes objects that no job refers to, and no others."""

import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.quota.models import Wallet
from common.ids import first_id_at, new_id
from common.messages import Message
from jobs.models import Job
from jobs.queue.finish import AttemptResult, complete_job, fail_job, requeue_job
from jobs.storage.files import attempt_key, job_folder, source_key
from jobs.videos.cleanup import delete_due_files
from jobs.videos.orphans import sweep_orphans
from tests.support.people import Person
from tests.support.videos import claim_next, finish_next

NOW = timedelta(0)
AN_HOUR = timedelta(hours=1)


def store(key: str) -> str:
    return default_storage.save(key, ContentFile(b"x"))


@pytest.fixture(autouse=True)
def empty_storage(db: None) -> None:
    """Delete the files of earlier tests, which are orphans because their rows were rolled back."""
    sweep_orphans(older_than=NOW)


def test_files_of_earlier_attempts_are_deleted_and_published_files_kept(submit: Callable[..., Job]) -> None:
    submit()
    job = claim_next()
    left = store(attempt_key(job, 1, "video.mp4"))
    requeue_job(fence=job.fence)
    job = claim_next()
    kept = [store(attempt_key(job, 2, name)) for name in ("video.mp4", "poster.jpg")]
    assert sweep_orphans(older_than=NOW) == 0  # the job is still running
    complete_job(fence=job.fence, result=AttemptResult(kept[0], kept[1], result_bytes=1, gpu_seconds=1))
    assert sweep_orphans(older_than=AN_HOUR) == 0  # not old enough
    assert sweep_orphans(older_than=NOW) == 1
    assert not default_storage.exists(left)
    assert all(default_storage.exists(key) for key in [*kept, job.source_key])
    assert sweep_orphans(older_than=NOW) == 0


def test_a_failed_job_keeps_only_its_image(submit: Callable[..., Job]) -> None:
    submit()
    job = claim_next()
    left = store(attempt_key(job, 1, "video.mp4"))
    fail_job(fence=job.fence, code="x", message=Message("x"))
    sweep_orphans(older_than=NOW)
    assert (default_storage.exists(left), default_storage.exists(job.source_key)) == (False, True)


def test_the_image_of_an_uncommitted_submit_is_deleted(alice: Person) -> None:
    key = store(source_key(alice.team.pk, new_id()))
    sweep_orphans(older_than=AN_HOUR)
    assert default_storage.exists(key)
    sweep_orphans(older_than=NOW)
    assert not default_storage.exists(key)


def test_files_written_by_a_fenced_off_attempt_after_the_deletion_are_deleted(submit: Callable[..., Job]) -> None:
    job = submit()
    claimed = claim_next()
    fail_job(fence=claimed.fence, code="x", message=Message("x"))
    Job.objects.filter(pk=job.pk).update(deleted_at=timezone.now())
    delete_due_files()
    assert not default_storage.exists(job_folder(job))
    late = store(attempt_key(job, 1, "video.mp4"))
    sweep_orphans(older_than=NOW)
    assert not default_storage.exists(late)


def test_the_files_of_a_job_whose_id_changed_are_kept_until_it_is_deleted(
    alice: Person, submit: Callable[..., Job]
) -> None:
    last = uuid.UUID(int=first_id_at(int(time.time()) + 60).int + (0b10 << 62))
    Wallet.objects.update(last_job_id=last)
    submit()
    job = finish_next()
    assert job.pk.int == last.int + 1
    sweep_orphans(older_than=NOW)
    keys = (job.source_key, job.result_key, job.poster_key)
    assert [default_storage.exists(key) for key in keys] == [True] * 3
    Job.objects.filter(pk=job.pk).update(deleted_at=timezone.now())
    delete_due_files()
    assert [default_storage.exists(key) for key in keys] == [False] * 3


def test_foreign_folders_are_not_deleted(alice: Person) -> None:
    key = store(f"teams/{alice.team.pk}/videos/notes/readme.txt")
    sweep_orphans(older_than=NOW)
    assert default_storage.exists(key)
    default_storage.delete(key)
