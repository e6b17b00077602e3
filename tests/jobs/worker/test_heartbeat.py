"""The heartbeat of a worker, and a drain that an administrator requests in between."""

from typing import Any

import pytest

from common.messages import Message
from jobs.models import Worker
from jobs.queue.workers import drain_worker, resume_worker
from jobs.worker.heartbeat import WorkerHeartbeat


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
