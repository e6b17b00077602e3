"""The worker of an upstream server: both are real processes, which are killed while they work."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import Job
from jobs.queue import reconcile
from jobs.queue.cancel import cancel_job
from jobs.states import State
from tests.jobs.worker.test_gpu import SHORT_LEASE, is_charged_once, is_released, published_properties
from tests.support.upstream_server import KEY, UpstreamServer
from tests.support.workers import WorkerProcess, refreshed, wait_for_state, wait_until

pytestmark = pytest.mark.process

SMALL: dict[str, Any] = {"model": "studio", "resolution": ..., "size": "64x64", "num_frames": 5, "fps": 8}


@pytest.fixture
def server(studio_server: UpstreamServer) -> UpstreamServer:
    return studio_server


def running(job: Job) -> str | None:
    """Return the id that the server gave the job, once it is stored."""
    return refreshed(job).external_id


def keys(server: UpstreamServer) -> list[str]:
    return [call["Idempotency-Key"] for call in server.calls("POST")]


def test_a_video_is_made_by_the_server(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    worker = start_studio()
    job = wait_for_state(submit(**SMALL), State.COMPLETED, State.FAILED)
    assert published_properties(job) == {"width": 64, "height": 64, "frames": 5, "fps": 8}
    assert is_charged_once(job)
    assert (job.external_id is not None, job.external_resends) == (True, 0)
    assert keys(server) == [f"{job.id}-0"]
    assert server.calls("POST")[0]["fields"]["num_inference_steps"] == str(job.steps)
    assert KEY not in worker.log.read_text()


def test_kill_9_of_the_server(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    """It comes back without the video, which is then sent again."""
    server.behave(is_finished=False)
    start_studio()
    job = submit(**SMALL)
    first = wait_until(lambda: running(job))
    server.kill()
    server.start()
    second = wait_until(lambda: running(job) != first and job.external_id)
    server.behave()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 1, 0)
    assert (job.external_id, job.external_resends) == (second, 1)
    assert keys(server) == [f"{job.id}-0", f"{job.id}-1"]
    assert is_charged_once(job)


def test_a_video_that_the_server_loses_twice_fails(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    server.behave(is_finished=False)
    start_studio()
    job = submit(**SMALL)
    for resends in (0, 1):
        wait_until(lambda: running(job) and job.external_resends == resends)  # noqa: B023 (runs within this iteration)
        server.kill()
        server.start()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.error_code, job.attempt) == (State.FAILED, "upstream_failed", 1)
    assert len(keys(server)) == 2
    assert is_released(job)


def test_kill_9_of_the_engine(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    """The next attempt continues with the video that the server makes meanwhile."""
    server.behave(is_finished=False)
    worker = start_studio()
    job = submit(**SMALL)
    wait_until(lambda: running(job))
    worker.engine.kill()
    server.behave()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.crash_count) == (State.COMPLETED, 2, 1)
    assert keys(server) == [f"{job.id}-0"]
    assert is_charged_once(job)


def test_kill_9_of_worker_and_server(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    server.behave(is_finished=False)
    worker = start_studio(**SHORT_LEASE)
    job = submit(**SMALL)
    wait_until(lambda: running(job))
    worker.process.kill()
    worker.process.wait()
    server.kill()
    server.behave()
    server.start()
    start_studio()
    wait_until(reconcile.recover_expired_leases, 15)
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.attempt, job.external_resends) == (State.COMPLETED, 2, 1)
    assert keys(server) == [f"{job.id}-0", f"{job.id}-1"]
    assert is_charged_once(job)


def test_cancel_reaches_the_server(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    server.behave(is_finished=False)
    start_studio(HEARTBEAT_INTERVAL_SECONDS=0.5)
    job = submit(**SMALL)
    external_id = wait_until(lambda: running(job))
    cancel_job(job=job)
    wait_for_state(job, State.CANCELED, State.COMPLETED)
    assert job.state == State.CANCELED
    assert job.finished_at is not None
    assert job.cancel_requested_at is not None
    assert (job.finished_at - job.cancel_requested_at).total_seconds() < 4
    assert [call["path"] for call in server.calls("DELETE")] == [f"/v1/videos/{external_id}"]
    assert is_released(job)


def test_a_server_that_stays_away_fails_the_video(
    server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    """It goes away when the worker has claimed the video."""
    server.behave(is_finished=False)
    start_studio(ATTEMPT_TIMEOUT_SECONDS=10)
    job = submit(**SMALL)
    Job.objects.filter(pk=job.pk).update(max_attempts=1)
    wait_until(lambda: running(job))
    server.kill()
    wait_for_state(job, State.COMPLETED, State.FAILED)
    assert (job.state, job.error_code, job.crash_count) == (State.FAILED, "upstream_unreachable", 1)
    assert is_released(job)
