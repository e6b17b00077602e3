"""The zip of a batch, made while it is sent: chunk by chunk, each video looked up when it is its turn."""

import io
import json
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.storage import default_storage

from common.clock import DatabaseNow
from common.errors import Conflict
from jobs.batches.models import Batch, BatchItem
from jobs.batches.results import MANIFEST, check_results, zip_chunks
from jobs.models import Job
from jobs.queue.cancel import delete_job
from jobs.states import State
from jobs.storage import files
from tests.support.people import Person
from tests.support.videos import VIDEO_BYTES, finished_video


@pytest.fixture
def batch_with(alice: Person) -> Callable[..., Batch]:
    """Makes a batch of these videos."""

    def make(*jobs: Job, state: Batch.State = Batch.State.COMPLETED) -> Batch:
        finished_at = None if state == Batch.State.IN_PROGRESS else DatabaseNow()
        batch = Batch.objects.create(
            team=alice.team, user=alice.user, total=len(jobs), state=state, finished_at=finished_at
        )
        for index, job in enumerate(jobs):
            BatchItem.objects.create(team=alice.team, batch=batch, index=index, job=job, custom_id=f"shot-{index}")
        return batch

    return make


def open_zip(chunks: list[bytes]) -> ZipFile:
    archive = ZipFile(io.BytesIO(b"".join(chunks)))
    assert archive.testzip() is None
    return archive


def manifest_of(archive: ZipFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(MANIFEST).splitlines()]


@pytest.mark.parametrize("chunk_bytes", [1, 100, 2047, 2048, 2049])
def test_the_zip_is_whole_whatever_the_size_of_a_chunk(
    chunk_bytes: int, alice: Person, batch_with: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", chunk_bytes)
    batch = batch_with(finished_video(alice), finished_video(alice))
    chunks = list(zip_chunks(batch))
    archive = open_zip(chunks)
    assert archive.namelist() == ["000-shot-0.mp4", "001-shot-1.mp4", MANIFEST]
    assert [archive.read(name) for name in archive.namelist()[:2]] == [VIDEO_BYTES] * 2
    assert len(chunks) == 1 + 2 * -(-2048 // chunk_bytes)


def test_a_video_that_is_deleted_while_the_zip_is_sent_is_left_out(
    alice: Person, batch_with: Callable[..., Batch]
) -> None:
    first, second = finished_video(alice), finished_video(alice)
    chunks = zip_chunks(batch_with(first, second))
    head = next(chunks)
    delete_job(job=second)
    archive = open_zip([head, *chunks])
    assert archive.namelist() == ["000-shot-0.mp4", MANIFEST]
    assert [(line["status"], line["file"]) for line in manifest_of(archive)] == [
        ("completed", "000-shot-0.mp4"),
        ("deleted", None),
    ]


def test_a_file_that_is_missing_is_listed_as_expired(alice: Person, batch_with: Callable[..., Batch]) -> None:
    job = finished_video(alice)
    default_storage.delete(job.result_key)
    archive = open_zip(list(zip_chunks(batch_with(job))))
    assert archive.namelist() == [MANIFEST]
    assert manifest_of(archive)[0]["error"]["code"] == "expired"


def test_an_outage_in_the_middle_of_a_video_ends_the_zip(
    alice: Person, batch_with: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 1000)
    job = finished_video(alice)
    chunks = zip_chunks(batch_with(job))
    next(chunks)
    default_storage.delete(job.result_key)
    with pytest.raises(OSError, match="No such file"):
        list(chunks)


@pytest.mark.parametrize(
    ("job_state", "batch_state", "is_ready"),
    [
        (State.QUEUED, Batch.State.IN_PROGRESS, False),
        (State.COMPLETED, Batch.State.IN_PROGRESS, True),
        (State.FAILED, Batch.State.IN_PROGRESS, False),
        (State.FAILED, Batch.State.COMPLETED, True),
    ],
)
def test_results_are_ready_with_the_first_video(
    job_state: State,
    batch_state: Batch.State,
    is_ready: bool,
    alice: Person,
    make_job: Callable[..., Job],
    batch_with: Callable[..., Batch],
) -> None:
    batch = batch_with(make_job(alice, job_state), state=batch_state)
    if is_ready:
        check_results(batch)
    else:
        with pytest.raises(Conflict, match="No video of this batch is ready"):
            check_results(batch)
