"""The heartbeat of a worker, and a drain that an administrator requests in between."""

from pathlib import Path
from typing import Any

import pytest

from common.messages import Message
from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec
from inference.weights.store import WeightsStore
from jobs.models import Worker
from jobs.queue.workers import drain_worker, resume_worker
from jobs.worker.heartbeat import WorkerHeartbeat
from tests.support.hub_server import REPOSITORY, write_checkpoint


@pytest.mark.django_db
def test_a_heartbeat_does_not_overwrite_a_requested_drain(settings: Any) -> None:
    settings.HEARTBEAT_INTERVAL_SECONDS = 0  # each call sends a heartbeat
    heartbeat = WorkerHeartbeat(name="gpu-1", pool="cpu", device="cpu")
    heartbeat.send_if_due(Worker.State.READY)
    worker = Worker.objects.get()
    assert drain_worker(worker=worker)
    heartbeat.send_if_due(Worker.State.READY)
    worker.refresh_from_db()
    assert (worker.state, heartbeat.drain_requested) == (Worker.State.DRAINING, True)
    resume_worker(worker=worker)
    heartbeat.send_if_due(Worker.State.READY)
    worker.refresh_from_db()
    assert (worker.state, heartbeat.drain_requested) == (Worker.State.READY, False)


@pytest.mark.django_db
def test_a_heartbeat_stores_the_error_with_its_parameters(settings: Any) -> None:
    settings.HEARTBEAT_INTERVAL_SECONDS = 0
    heartbeat = WorkerHeartbeat(name="gpu-1", pool="cpu", device="cpu")
    heartbeat.last_error = Message("Videos cannot be published: %(reason)s", {"reason": "timeout"})
    heartbeat.send_if_due(Worker.State.UNHEALTHY)
    worker = Worker.objects.get()
    assert (worker.last_error, worker.last_error_params) == (heartbeat.last_error.template, {"reason": "timeout"})
    heartbeat.last_error = None
    heartbeat.send_if_due(Worker.State.READY)
    worker.refresh_from_db()
    assert (worker.last_error, worker.last_error_params) == ("", None)


@pytest.mark.django_db
def test_a_heartbeat_reports_the_weights_on_the_machine(settings: Any, tmp_path: Path) -> None:
    settings.HEARTBEAT_INTERVAL_SECONDS, settings.MODELS_DIR = 0, str(tmp_path)
    write_checkpoint(tmp_path / "mirror" / REPOSITORY)
    heartbeat = WorkerHeartbeat(name="gpu-1", pool="cpu", device="cpu")
    heartbeat.send_if_due(Worker.State.STARTING)
    assert Worker.objects.get().installed_weights == []
    store = WeightsStore(tmp_path, str(tmp_path / "mirror"))
    status = store.fetch(WeightsSpec(REPOSITORY, WeightsSelection(("WanPipeline",))))
    heartbeat.models = {"model": "own-wan"}
    heartbeat.send_if_due(Worker.State.READY)
    assert status.manifest is not None
    assert Worker.objects.get().installed_weights == [
        {"source": REPOSITORY, "commit": status.manifest.identity, "size_bytes": status.size_bytes}
    ]
