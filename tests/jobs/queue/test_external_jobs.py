"""Videos that upstream servers would make for nobody."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from common.ids import new_id
from common.messages import Message
from common.redis_client import redis_client
from inference.generation import ExternalJob
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.queue.claim import claim_job
from jobs.queue.external_jobs import cancel_external_jobs
from jobs.queue.finish import record_crash, requeue_job
from jobs.queue.lease import renew_lease
from tests.support.upstream_server import UpstreamServer
from tests.support.workers import refreshed

SMALL = {"model": "studio", "resolution": ..., "size": "64x64", "num_frames": 5, "fps": 8}


@pytest.fixture
def send(
    studio_server: UpstreamServer, offer_studio: Callable[..., Path], submit: Callable[..., Job]
) -> Callable[[], Job]:
    """Submit a job that an attempt then sends to the server, and holds."""
    offer_studio()

    def send() -> Job:
        submit(**SMALL)
        job = claim_job(pool="cpu", worker_id=new_id(), models=["studio"], vram_mb=0)
        assert job is not None
        renew_lease(fence=job.fence, steps_done=1, external_job=ExternalJob(f"video-{job.pk}"))
        return job

    return send


def canceled_at(server: UpstreamServer) -> list[str]:
    return [call["path"].rpartition("/")[2] for call in server.calls("DELETE")]


@pytest.mark.django_db(transaction=True)
def test_a_job_that_ends_between_two_attempts(studio_server: UpstreamServer, send: Callable[[], Job]) -> None:
    canceled, failed, running = send(), send(), send()
    requeue_job(fence=canceled.fence)
    cancel_job(job=canceled)
    Job.objects.filter(pk=failed.pk).update(max_attempts=1)
    record_crash(fence=failed.fence, code="engine_crashed", message=Message("The engine crashed."))
    assert redis_client().exists("rq:queue:files")
    ended = [canceled, failed]
    studio_server.kill()
    assert cancel_external_jobs() == 0
    studio_server.start()
    assert cancel_external_jobs() == 2
    assert cancel_external_jobs() == 0
    assert sorted(canceled_at(studio_server)) == sorted(f"video-{job.pk}" for job in ended)
    assert [refreshed(job).external_is_open for job in (*ended, running)] == [False, False, True]


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_has_canceled_its_video(studio_server: UpstreamServer, send: Callable[[], Job]) -> None:
    job = send()
    renew_lease(fence=job.fence, steps_done=1, external_job=ExternalJob(f"video-{job.pk}", is_open=False))
    requeue_job(fence=job.fence)
    cancel_job(job=job)
    assert cancel_external_jobs() == 0
    assert canceled_at(studio_server) == []


@pytest.mark.django_db(transaction=True)
def test_a_server_that_stays_away_is_given_up(
    studio_server: UpstreamServer, send: Callable[[], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = send()
    requeue_job(fence=job.fence)
    cancel_job(job=job)
    (studio_server.folder / "key").unlink()
    assert cancel_external_jobs() == 0
    assert refreshed(job).external_is_open
    monkeypatch.setattr("jobs.queue.external_jobs._MAX_AGE", timedelta(0))
    assert cancel_external_jobs() == 0
    assert not refreshed(job).external_is_open
