"""The estimated wait of a video whose model has to be loaded first."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from inference.models.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.queue.eta import estimate_wait
from jobs.states import State
from tests.support.people import Person

CAMERA = {"camera": {"load_seconds": 40.0, "error": None}, "scripted": {"load_seconds": None, "error": None}}
FAILED = {"camera": {"load_seconds": None, "error": {"template": "There is no such file.", "params": {}}}}


def add_worker(**columns: Any) -> Worker:
    facts = {"name": "gpu-1", "pool": "cpu", "device": "cpu", "state": "ready", "installed_models": CAMERA}
    return Worker.objects.create(**{**facts, "last_heartbeat_at": timezone.now(), **columns})


@pytest.mark.parametrize(
    ("columns", "reason", "seconds"),
    [
        ({"model": "camera"}, "capacity", 3),
        ({"model": "", "loading_model": "camera", "state": "loading"}, "model_loading", 43),
        ({"model": "", "loading_model": "camera", "state": "starting"}, "model_loading", 43),
        ({"model": "scripted"}, "model_loading", 43),
        ({"model": ""}, "model_loading", 43),
        # Workers of an earlier release
        ({"model": "camera", "state": "starting", "installed_models": {}}, "model_loading", 3),
        ({"model": "camera", "installed_models": {}}, "capacity", 3),
        ({"model": "scripted", "installed_models": FAILED}, "capacity", None),
        ({"model": "scripted", "state": "unhealthy"}, "capacity", None),
    ],
    ids=str,
)
def test_the_wait_includes_the_time_to_load_the_model(
    columns: dict[str, Any], reason: str, seconds: float | None, mia: Person, make_job: Callable[..., Job]
) -> None:
    add_worker(**columns)
    estimate = estimate_wait(make_job(mia))
    assert (estimate.reason, estimate.eta_seconds) == (reason, seconds)


def test_a_worker_that_has_the_model_loaded_needs_no_swap_of_another(mia: Person, make_job: Callable[..., Job]) -> None:
    add_worker(model="scripted")
    add_worker(name="gpu-2", model="camera", state="busy")
    assert estimate_wait(make_job(mia)).eta_seconds == 3


def test_a_video_of_another_model_on_the_same_worker_is_ahead(mia: Person, make_job: Callable[..., Job]) -> None:
    """The worker is not free, so the wait is for it and not for the model."""
    worker = add_worker(model="scripted", state="busy")
    running = make_job(mia, State.IN_PROGRESS, model="scripted", quoted_credits=8)
    Job.objects.filter(pk=running.pk).update(lease_owner=worker.pk)
    other = make_job(mia)
    other.team_id = 0  # not the team with the running video
    assert (estimate_wait(other).eta_seconds, estimate_wait(other).reason) == (8 + 3 + 40, "capacity")


def test_the_load_time_of_weights_that_nobody_has_measured_is_assumed(
    mia: Person, make_job: Callable[..., Job]
) -> None:
    add_worker(pool="gpu", installed_models={"i2vgen-xl": {"load_seconds": None, "error": None}})
    assert MODELS["i2vgen-xl"].weights
    assert estimate_wait(make_job(mia, model="i2vgen-xl", pool="gpu")).eta_seconds == 33
