"""Jobs and videos, submitted through the API or made without a worker."""

import base64
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.models import Team, User
from accounts.quota.services import grant, reserve
from common.clock import DatabaseNow
from jobs.models import Job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job
from jobs.states import State
from jobs.storage.files import attempt_key, source_key
from tests.support.api_client import ApiClient
from tests.support.images import encoded_image, png
from tests.support.people import Person

# The 2,048 bytes of a finished video.
VIDEO_BYTES = bytes(range(256)) * 8


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """Makes a small valid body of a request for a video, with changes; `...` leaves a field out."""

    def make(**changes: Any) -> dict[str, Any]:
        base = {
            "image_base64": base64.b64encode(png()).decode(),
            "prompt": "the camera pans left",
            "resolution": "256p",
            "num_frames": 8,
        }
        return {name: value for name, value in {**base, **changes}.items() if value is not ...}

    return make


@pytest.fixture
def submit(as_alice: ApiClient, body: Callable[..., dict[str, Any]]) -> Callable[..., Job]:
    """Submits a job of Alice through the API."""

    def make(**changes: Any) -> Job:
        response = as_alice.post("/v1/videos", body(**changes))
        assert response.status_code == 202, response.content
        return Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))

    return make


def claim_next(*, models: Sequence[str] = ("camera",)) -> Job:
    """Claims the next job of the queue, as a worker does."""
    job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=models, vram_mb=0)
    assert job is not None
    return job


def complete(job: Job, *, gpu_seconds: float = 0.4, result_bytes: int = 9) -> Job:
    """Completes a claimed job, as a worker does; no file is stored."""
    result = AttemptResult(result_key="r.mp4", poster_key="p.jpg", result_bytes=result_bytes, gpu_seconds=gpu_seconds)
    assert complete_job(fence=job.fence, result=result)
    job.refresh_from_db()
    return job


def finish_next(content: bytes = VIDEO_BYTES, *, gpu_seconds: float = 1) -> Job:
    """Claims the next job of the queue and completes it with these bytes as its video."""
    job = claim_next()
    keys = [
        default_storage.save(attempt_key(job, job.attempt, name), ContentFile(stored))
        for name, stored in ((f"video.{job.output_format}", content), ("poster.jpg", b"poster"))
    ]
    result = AttemptResult(result_key=keys[0], poster_key=keys[1], result_bytes=len(content), gpu_seconds=gpu_seconds)
    assert complete_job(fence=job.fence, result=result)
    job.refresh_from_db()
    return job


@pytest.fixture
def finished_of(submit: Callable[..., Job]) -> Callable[..., Job]:
    """Makes a completed video of Alice with these bytes; fields of the request may be changed."""

    def make(content: bytes = VIDEO_BYTES, **changes: Any) -> Job:
        submit(**changes)
        return finish_next(content)

    return make


@pytest.fixture
def finished(finished_of: Callable[..., Job]) -> Job:
    """A completed video of Alice with VIDEO_BYTES."""
    return finished_of()


def store_job(team: Team, user: User, state: State, content: bytes, **columns: Any) -> Job:
    """Stores a job in any state with its files and its credits; no worker is needed."""
    job = Job(
        team=team,
        user=user,
        model="camera",
        prompt="slowly zooms in",
        preset="standard",
        resolution="512p",
        width=584,
        height=440,
        num_frames=16,
        fps=8,
        steps=50,
        guidance_scale=9.0,
        seed=7,
        output_format="mp4",
        pool="cpu",
        quoted_credits=3,
        state=state,
    )
    job.source_key = source_key(team.pk, job.pk)
    for name, value in columns.items():
        setattr(job, name, value)
    for key in filter(None, (job.source_key, job.last_image_key)):
        default_storage.save(key, ContentFile(png()))
    if state == State.IN_PROGRESS:
        job.lease_owner, job.lease_until, job.attempt = job.pk, DatabaseNow(), 1
    if job.is_finished:
        job.finished_at = DatabaseNow()
    if state == State.COMPLETED:
        job.result_key = attempt_key(job, 1, f"video.{job.output_format}")
        job.poster_key = attempt_key(job, 1, "poster.jpg")
        job.charged_credits, job.gpu_seconds, job.result_bytes = 2, 1.5, len(content)
        default_storage.save(job.result_key, ContentFile(content))
        default_storage.save(job.poster_key, ContentFile(encoded_image((96, 64), "teal", "JPEG")))
    else:
        grant(team=team, credits=job.quoted_credits, reason="for the test")
        if not job.is_finished:
            job.pk = reserve(usage_key=job.usage_key, job_id=job.pk, credits=job.quoted_credits)
    job.save(force_insert=True)
    job.refresh_from_db()
    return job


@pytest.fixture
def make_job(db: None) -> Callable[..., Job]:
    """Makes a job of a person in any state, with its files; no worker is needed."""

    def make(person: Person, state: State = State.QUEUED, **columns: Any) -> Job:
        return store_job(person.team, person.user, state, b"video", **columns)

    return make


def finished_video(person: Person, **columns: Any) -> Job:
    """A completed video with VIDEO_BYTES; no worker is needed."""
    return store_job(person.team, person.user, State.COMPLETED, VIDEO_BYTES, **columns)
