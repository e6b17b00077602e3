"""The worker of an upstream server, which runs several videos at once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rq import Queue

from common.clock import DatabaseNow
from common.messages import Message
from common.redis_client import redis_client
from inference.errors import UPSTREAM_DENIED
from inference.generation import ExternalJob
from inference.models.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.queue import reconcile
from jobs.queue.cancel import cancel_job
from jobs.states import State
from jobs.worker.messages import ExternalJobChanged, GenerationFailure
from jobs.worker.remote import RemoteWorker
from tests.jobs.worker.test_gpu import SHORT_LEASE, is_charged_once, is_released
from tests.support.upstream_server import UpstreamServer
from tests.support.workers import WorkerProcess, refreshed, wait_for_state, wait_until

SMALL: dict[str, Any] = {"model": "studio", "resolution": ..., "size": "64x64", "num_frames": 5, "fps": 8}


@pytest.fixture
def worker(db: None, offer_studio: Callable[..., Path], settings: Any, tmp_path: Path) -> Iterator[RemoteWorker]:
    """A worker with two slots and without processes."""
    settings.SCRATCH_DIR = str(tmp_path / "scratch")
    offer_studio(concurrency=2)
    worker = RemoteWorker(
        [Queue("pool.cpu", connection=redis_client())],
        models=[MODELS["studio"]],
        pool="cpu",
        device="cpu",
        source=None,
        connection=redis_client(),
    )
    for slot in worker.slots:
        assert slot.engines.current is not None
        slot.engines.current.is_ready = True
        slot.engines.residency.load("studio")
    worker.server_check.state.is_available = True
    with worker.publisher.done_signal, worker.publisher._signal:
        yield worker


def claim(worker: RemoteWorker) -> Job:
    """Claim a job for a free slot."""
    worker._turn_to_free_slot()
    assert worker.is_idle
    before = worker.running_attempts
    worker.claim_or_wait()
    [attempt] = [attempt for attempt in worker.running_attempts if attempt not in before]
    return attempt.job


@pytest.mark.process
def test_several_videos_at_once(
    studio_server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    """Each has its own attempt: what happens to one does not concern the others."""
    studio_server.behave(is_finished=False)
    worker = start_studio(concurrency=2, HEARTBEAT_INTERVAL_SECONDS=0.5)
    first, second, third = (submit(**SMALL) for _ in range(3))
    wait_until(lambda: refreshed(first).external_id and refreshed(second).external_id)
    row = wait_until(lambda: Worker.objects.filter(state=Worker.State.BUSY).first())
    assert (row.concurrency, row.server_is_available, row.server_waiting_seconds) == (2, True, None)
    assert refreshed(third).state == State.QUEUED

    worker.engines[0].kill()
    wait_until(lambda: refreshed(first).crash_count + refreshed(second).crash_count)
    crashed, other = (first, second) if first.crash_count else (second, first)
    assert (other.attempt, other.state) == (1, State.IN_PROGRESS)
    cancel_job(job=other)
    wait_for_state(other, State.CANCELED, State.COMPLETED)
    assert (is_released(other), other.external_is_open) == (True, False)
    studio_server.behave()
    for job in (crashed, third):
        wait_for_state(job, State.COMPLETED, State.FAILED)
        assert is_charged_once(job)
        assert not job.external_is_open
    assert crashed.attempt == 2
    assert len(studio_server.calls("POST")) == 3
    assert wait_until(lambda: Worker.objects.filter(server_waiting_seconds__gte=0).exists())
    assert worker.stop() == 0
    assert list((worker.log.parent / "scratch").iterdir()) == []


@pytest.mark.process
def test_kills_of_worker_and_server(
    studio_server: UpstreamServer, submit: Callable[..., Job], start_studio: Callable[..., WorkerProcess]
) -> None:
    """No video is lost or charged twice, and each that the server loses is sent again once."""
    studio_server.behave(is_finished=False)
    worker = start_studio(concurrency=2, **SHORT_LEASE)
    jobs = [submit(**SMALL) for _ in range(2)]
    sent = wait_until(lambda: all(refreshed(job).external_id for job in jobs) and [job.external_id for job in jobs])
    studio_server.kill()
    worker.process.kill()
    worker.process.wait()
    studio_server.start()
    worker = start_studio(concurrency=2, **SHORT_LEASE)
    recovered = 0
    while recovered < len(jobs):
        recovered += wait_until(reconcile.recover_expired_leases)
    wait_until(lambda: all(refreshed(job).external_id != sent[n] for n, job in enumerate(jobs)))
    for engine in worker.engines:
        engine.kill()
    wait_until(lambda: all(refreshed(job).crash_count == 2 for job in jobs))
    studio_server.behave()
    for job in jobs:
        wait_for_state(job, State.COMPLETED, State.FAILED)
        assert (job.state, job.external_resends) == (State.COMPLETED, 1)
        assert is_charged_once(job)
    keys = sorted(call["Idempotency-Key"] for call in studio_server.calls("POST"))
    assert keys == sorted(f"{job.id}-{resend}" for job in jobs for resend in (0, 1))


def test_a_lost_lease_ends_one_video_alone(worker: RemoteWorker, submit: Callable[..., Job]) -> None:
    for _ in range(2):
        submit(**SMALL)
    lost, kept = claim(worker), claim(worker)
    worker._turn_to_free_slot()
    assert not worker.is_idle
    Job.objects.filter(pk=lost.pk).update(attempt=2)
    for attempt in worker.running_attempts:
        attempt._last_renewal = float("-inf")
    worker.maintain_attempts()
    assert [attempt.job for attempt in worker.running_attempts] == [kept]
    assert (refreshed(lost).attempt, lost.state) == (2, State.IN_PROGRESS)


def test_a_worker_that_stops_returns_all_its_videos(worker: RemoteWorker, submit: Callable[..., Job]) -> None:
    for _ in range(2):
        submit(**SMALL)
    jobs = [claim(worker), claim(worker)]
    for number, _ in enumerate(worker._turns()):
        worker.handle_message(ExternalJobChanged(jobs[number].fence, ExternalJob(f"video-{number}")))
    worker.shut_down()
    assert [(refreshed(job).state, job.external_id) for job in jobs] == [
        (State.QUEUED, "video-0"),
        (State.QUEUED, "video-1"),
    ]


def test_no_job_is_claimed_while_the_server_is_away(worker: RemoteWorker) -> None:
    assert worker.is_idle
    worker.server_check.state.is_available = False
    assert not worker.is_idle


def test_a_job_that_the_server_denies_is_kept_until_its_deadline(
    worker: RemoteWorker, submit: Callable[..., Job]
) -> None:
    job = submit(**SMALL)
    Job.objects.filter(pk=job.pk).update(deadline_at=DatabaseNow() + timedelta(hours=1))
    claimed = claim(worker)
    message = Message("The upstream server denies access: %(reason)s", {"reason": "HTTP 402"})
    worker.handle_message(GenerationFailure(claimed.fence, UPSTREAM_DENIED, message, permanent=False, broken=False))
    assert (refreshed(job).state, job.crash_count, job.started_at) == (State.QUEUED, 0, None)
    assert job.not_before is not None
    worker.send_heartbeat()
    row = Worker.objects.get()
    assert (row.state, str(row.last_error_message), row.server_is_available) == (
        Worker.State.UNHEALTHY,
        "The upstream server denies access: HTTP 402",
        False,
    )
    assert not worker.is_idle
    Job.objects.filter(pk=job.pk).update(deadline_at=DatabaseNow())
    assert reconcile.expire_deadlines() == 1
    assert is_released(refreshed(job))
