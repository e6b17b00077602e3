"""What a worker writes of itself beside what an administrator writes of it."""

import pytest

from jobs.models import Worker
from jobs.queue.workers import drain_worker, resume_worker
from jobs.worker.heartbeat import WorkerHeartbeat


@pytest.mark.django_db
def test_a_beat_does_not_take_back_a_drain_that_it_did_not_know_of(settings):
    settings.HEARTBEAT_INTERVAL_SECONDS = 0  # every turn beats
    heartbeat = WorkerHeartbeat(name="gpu-1", pool="cpu", model="camera", device="cpu")
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
