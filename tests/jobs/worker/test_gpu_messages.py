"""What the worker makes of the messages of its engine, without the process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from rq import Queue

from common.messages import Message
from common.redis_client import redis_client
from inference.generation import ExternalJob
from inference.models.catalogue import MODELS
from jobs.models import Job
from jobs.states import State
from jobs.worker.engine import EngineExit
from jobs.worker.gpu import GpuWorker
from jobs.worker.messages import ExternalJobChanged, GenerationFailure
from tests.support.videos import claim_next
from tests.support.workers import refreshed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_models")]


@pytest.fixture
def worker(settings: Any, tmp_path: Path) -> Iterator[GpuWorker]:
    settings.SCRATCH_DIR = str(tmp_path)
    worker = GpuWorker(
        [Queue("pool.cpu", connection=redis_client())],
        models=[MODELS["scripted"]],
        pool="cpu",
        device="cpu",
        source=None,
        connection=redis_client(),
    )
    with worker.publisher.done_signal, worker.publisher._signal:
        yield worker


def test_a_continuation_fails_without_a_charge_if_the_video_is_gone(
    worker: GpuWorker, finished: Job, submit: Callable[..., Job]
) -> None:
    job = submit(model="scripted")
    Job.objects.filter(pk=job.pk).update(extends=finished.pk, leading_frames=8)
    default_storage.delete(finished.result_key)
    claimed = claim_next(models=["scripted"])
    worker.start(claimed)
    job = refreshed(job)
    assert (job.state, job.error_code, job.charged_credits) == (State.FAILED, "source_missing", None)
    assert str(job.error) == "The video that this one continues was deleted."
    assert worker.running_attempt is None


@pytest.mark.parametrize("outcome", ["exit", "failure", "shutdown"])
def test_the_job_of_another_server_is_stored_before_the_attempt_ends(
    outcome: str, worker: GpuWorker, submit: Callable[..., Job]
) -> None:
    """The engine may say which job it is, and end, before the lease is renewed."""
    submit(model="scripted")
    job = claim_next(models=["scripted"])
    worker.start(job)
    worker.handle_message(ExternalJobChanged(job.fence, ExternalJob("video-1", 1)))
    message = Message("The engine failed.")
    if outcome == "exit":
        worker.handle_message(EngineExit())
    elif outcome == "failure":
        worker.handle_message(GenerationFailure(job.fence, "engine_failed", message, permanent=False, broken=False))
    else:
        worker.shut_down()
    job = refreshed(job)
    assert (job.state, job.external_id, job.external_resends) == (State.QUEUED, "video-1", 1)
