"""Videos on their way from an engine to the storage: long ones, and those with sound."""

from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.storage import default_storage

from inference.encoding import probe
from inference.engines.base import load_engine
from inference.models.catalogue import MODELS
from jobs.models import Job
from jobs.states import State
from jobs.worker import child
from jobs.worker.attempt import RunningAttempt
from jobs.worker.messages import GenerationResult
from jobs.worker.publish import Publisher
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


def test_the_memory_does_not_grow_with_the_length(submit: Callable[..., Job], make: Callable[[], Job]) -> None:
    """500 frames are 98 MB, and so is the file of the frames."""
    submit(**SCRIPTED | {"size": "256x256"}, prompt="x", audio=True)
    Job.objects.update(num_frames=60)
    make()
    submit(**SCRIPTED | {"size": "256x256"}, prompt="x", audio=True)
    Job.objects.filter(state=State.QUEUED).update(num_frames=500)
    peak = PeakMemory()
    job = make()
    assert peak.growth_mb() < 50
    assert probe(Path(default_storage.path(job.result_key))).num_frames == 500
