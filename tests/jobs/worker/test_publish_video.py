"""Videos from an engine to the storage: long ones, and those with sound."""

from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any
from uuid import uuid4

import av
import numpy as np
import pytest
from django.core.files.storage import default_storage

from inference import limits
from inference.encoding import probe
from inference.engines.base import load_engine
from inference.generation import GenerationRequest
from inference.models.catalogue import MODELS
from jobs.fencing import Fence
from jobs.models import Job
from jobs.states import State
from jobs.worker import child
from jobs.worker.attempt import RunningAttempt
from jobs.worker.messages import GenerateCommand, GenerationResult
from jobs.worker.publish import Publisher, _encode
from tests.support.api_client import ApiClient
from tests.support.memory import PeakMemory
from tests.support.videos import claim_next

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_models")]

SCRIPTED: dict[str, Any] = {"model": "scripted", "resolution": ..., "size": "64x64", "steps": 10, "seed": 0}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    with publisher.done_signal, publisher._signal:
        yield publisher


@pytest.fixture
def make(publisher: Publisher, tmp_path: Path) -> Callable[[], Job]:
    """Generates and publishes the next job, with the code of both processes of a worker but in this one."""

    def run() -> Job:
        job = claim_next(models=("scripted",))
        attempt = RunningAttempt(job=job, folder=tmp_path / "attempt", kill_engine=lambda: None)
        ours, theirs = Pipe()
        with ours, theirs:
            outcome = child._generate(load_engine("scripted"), MODELS["scripted"], attempt.prepare(), theirs)
        assert isinstance(outcome, GenerationResult)
        assert publisher._publish(attempt, outcome.gpu_seconds)
        job.refresh_from_db()
        return job

    return run


def test_sound_reaches_the_file_and_is_in_sync_with_the_frames(
    submit: Callable[..., Job], make: Callable[[], Job], as_alice: ApiClient
) -> None:
    submitted = submit(**SCRIPTED, prompt="flash_at=9", num_frames=16, fps=8, audio=True)
    before = as_alice.get(f"/v1/videos/{submitted.public_id}").json()
    job = make()
    video = as_alice.get(f"/v1/videos/{job.public_id}").json()
    assert (before["has_audio"], video["has_audio"], job.state) == (False, True, State.COMPLETED)
    with av.open(default_storage.path(job.result_key)) as container:
        frames = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]
    with av.open(default_storage.path(job.result_key)) as container:
        sound = np.concatenate([np.abs(frame.to_ndarray()[0]) for frame in container.decode(audio=0)])
    assert [number for number, brightness in enumerate(frames) if brightness > 128] == [9]
    loud = np.flatnonzero(sound > 0.1) / 48_000 * 8
    assert (loud[0], loud[-1]) == (pytest.approx(9, abs=0.1), pytest.approx(10, abs=0.1))
    assert len(sound) / 48_000 == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("changes", [{}, {"audio": False}, {"output_format": "gif"}])
def test_a_video_without_sound_has_no_track(
    changes: dict[str, Any], submit: Callable[..., Job], make: Callable[[], Job]
) -> None:
    submit(**SCRIPTED, prompt="x", **changes)
    job = make()
    with av.open(default_storage.path(job.result_key)) as container:
        assert (job.has_audio, len(container.streams.audio)) == (False, 0)


def test_the_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """The frames are 55 MB. Without the database: a transaction must not wait for an encoder."""
    job, engine = Job(output_format="mp4", fps=24), load_engine("scripted")

    def generate_and_encode(num_frames: int) -> Path:
        folder = tmp_path / str(num_frames)
        folder.mkdir()
        request = GenerationRequest(
            prompt="x",
            width=160,
            height=160,
            num_frames=num_frames,
            fps=24,
            steps=1,
            guidance_scale=1,
            seed=1,
            audio=True,
        )
        frames, audio = folder / "frames.npy", folder / "audio.npz"
        command = GenerateCommand(Fence(uuid4(), 1), request, None, None, frames, audio, timeout_seconds=60)
        ours, theirs = Pipe()
        with ours, theirs:
            outcome = child._generate(engine, MODELS["scripted"], command, theirs)
        assert isinstance(outcome, GenerationResult)
        return _encode(RunningAttempt(job=job, folder=folder, kill_engine=lambda: None))[0]

    generate_and_encode(60)
    peak = PeakMemory()
    video = generate_and_encode(limits.MAX_FRAMES)
    assert peak.growth_mb() < 40
    assert probe(video).num_frames == limits.MAX_FRAMES
