"""Full disks and storage outages: no generated video is lost, and no job fails because of them."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.files.storage import default_storage

from accounts.quota.models import LedgerEntry
from inference.encoding import probe
from jobs.models import Job, Worker
from jobs.queue.finish import requeue_job
from jobs.states import State
from jobs.storage.files import is_missing, job_folder
from tests.support.workers import DelaySwitch, WorkerProcess, wait_for_state, wait_until

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("all_models")]

LONG: dict[str, Any] = {"model": "scripted", "prompt": "delay=1", "steps": 100}
SCRIPTED = ("--model", "scripted")


def is_in_progress(job: Job) -> bool:
    job.refresh_from_db()
    return job.state == State.IN_PROGRESS and job.steps_done > 0


def find_unhealthy_worker() -> Worker | None:
    return Worker.objects.filter(state=Worker.State.UNHEALTHY).first()


def test_a_disk_without_space_stops_the_claims(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]
) -> None:
    start_worker(wait="engine_ready", SCRATCH_MIN_FREE_BYTES=10**18)
    job = submit()
    found = wait_until(lambda: Worker.objects.filter(state=Worker.State.UNHEALTHY).first(), 10)
    assert "left on the disk" in str(found.last_error_message)
    job.refresh_from_db()
    assert (job.state, job.attempt) == (State.QUEUED, 0)


def test_a_video_is_published_after_a_storage_outage(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    """The worker keeps the frames, reports the error, and publishes the video once the storage is available again."""
    media = Path(default_storage.path(""))
    worker = start_worker(*SCRIPTED)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    folder = media / job_folder(job)
    source = folder / "source.png"
    kept = source.read_bytes()
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be")
    skip_delays()
    worker.wait_for("publish_retry")
    wait_until(lambda: Worker.objects.filter(state=Worker.State.UNHEALTHY).exists(), 10)
    folder.unlink()
    folder.mkdir()
    source.write_bytes(kept)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 1, 0)
    assert LedgerEntry.objects.filter(job_id=job.pk, kind="settle").count() == 1


@contextmanager
def full_disk(folder: Path, worker: WorkerProcess) -> Iterator[str]:
    """Make it impossible to write below the folder until the block ends. Yields how this was done.

    As root, a small file system is mounted there and filled. Other users cannot mount: instead, the worker gets a limit
    of 0 bytes on the size of files.
    """
    kept = (folder / "source.png").read_bytes()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode == 0:
        (folder / "source.png").write_bytes(kept)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))
        yield "a full tmpfs"
        filler.unlink()
        return
    process = psutil.Process(worker.process.pid)
    original = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, original[1]))
    yield "a limit on the size of files"
    process.rlimit(psutil.RLIMIT_FSIZE, original)


def test_publishing_waits_for_space_on_the_disk(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    worker = start_worker(*SCRIPTED)
    job = submit(**LONG)
    folder = Path(default_storage.path(job_folder(job)))
    wait_until(lambda: is_in_progress(job))
    try:
        with full_disk(folder, worker) as method:
            skip_delays()
            last_error = str(wait_until(find_unhealthy_worker, 20, lambda: method).last_error_message)
            expected = "There is no space left on the disk." if method == "a full tmpfs" else "Cannot publish"
            assert expected in last_error, method
            job.refresh_from_db()
            assert (job.state, job.result_key) == (State.IN_PROGRESS, ""), method
            if method == "a full tmpfs":  # otherwise the worker cannot write its log either
                later = submit(**LONG)
                retries = worker.log.read_text().count("publish_retry")
                wait_until(lambda: worker.log.read_text().count("publish_retry") > retries)
                later.refresh_from_db()
                assert (later.state, later.attempt) == (State.QUEUED, 0)
        wait_for_state(job, State.COMPLETED, State.FAILED)
        assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 1, 0), method
        assert probe(Path(default_storage.path(job.result_key))).num_frames == job.num_frames
    finally:
        if folder.is_mount():
            subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("left", ["an empty mount point", "nothing"])
def test_a_storage_that_is_not_mounted_fails_no_job(
    left: str, submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]
) -> None:
    """The job is requeued without counting a crash, and completed once the storage is mounted again."""
    media = Path(default_storage.path(""))
    away = media.with_name("media-away")
    job = submit(model="scripted", prompt="fine", steps=10)
    media.rename(away)
    try:
        if left == "an empty mount point":
            media.mkdir()
        worker = start_worker(*SCRIPTED)
        worker.wait_for("storage_failed")
        wait_for_state(job, State.QUEUED, State.FAILED)
        assert (job.state, job.crash_count) == (State.QUEUED, 0)
    finally:
        shutil.rmtree(media, ignore_errors=True)
        away.rename(media)
    Job.objects.filter(pk=job.pk).update(not_before=None)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.crash_count) == (State.COMPLETED, 0)


def test_a_missing_source_image_fails_its_job(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess]
) -> None:
    kept = submit(model="scripted", prompt="fine", steps=10)
    job = submit(model="scripted", prompt="fine", steps=10)
    default_storage.delete(job.source_key)
    start_worker(*SCRIPTED)
    wait_for_state(job, State.COMPLETED, State.FAILED, State.QUEUED)
    wait_for_state(kept, State.COMPLETED, State.FAILED)
    job.refresh_from_db()
    assert (job.state, job.error_code, kept.state) == (State.FAILED, "source_missing", State.COMPLETED)


def test_objects_are_missing_only_from_a_mounted_storage(submit: Callable[..., Job]) -> None:
    job = submit()
    media = Path(default_storage.path(""))
    away = media.with_name("media-away")
    assert not is_missing(job.source_key)  # as if it could not be read before and is available again
    assert is_missing(job.source_key + "x")
    media.rename(away)
    try:
        assert not is_missing(job.source_key + "x")
        media.mkdir()
        assert not is_missing(job.source_key + "x")
        media.rmdir()
        media.write_text("a file where a folder should be")
        assert not is_missing(job.source_key + "x")
        media.unlink()
    finally:
        away.rename(media)


def test_only_published_videos_are_counted(
    submit: Callable[..., Job], start_worker: Callable[..., WorkerProcess], skip_delays: DelaySwitch
) -> None:
    """The result of an attempt that was fenced off is dropped and not counted."""
    worker = start_worker(*SCRIPTED, HEARTBEAT_INTERVAL_SECONDS=0.5)
    wait_for_state(submit(model="scripted", prompt="fine", steps=10), State.COMPLETED, State.FAILED)
    job = submit(**LONG)
    wait_until(lambda: is_in_progress(job))
    folder = Path(default_storage.path(job_folder(job)))
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be")
    skip_delays()
    skip_delays()
    worker.wait_for("publish_retry")
    requeue_job(fence=job.fence, delay_seconds=3600)
    worker.wait_for("publish_abandoned")
    worker.stop()
    (stopped,) = [line for line in worker.log.read_text().splitlines() if "worker_stopped" in line]
    assert json.loads(stopped)["jobs_done"] == 1
