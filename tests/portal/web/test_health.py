"""The health endpoints name unreachable dependencies within seconds, also if these do not respond at all."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from common.ids import new_id
from common.redis_client import redis_client
from common.tasks.queues import TASK_QUEUES, enqueue
from jobs.models import Job, JobEvent, Worker
from jobs.states import State
from jobs.worker.maintenance import MaintenanceWorker
from portal.embedded.servers import Valkey
from tests.support.outages import frozen_database, process_of, wait_for_health_checks
from tests.support.workers import register_maintenance_worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def maintenance_workers() -> Iterator[dict[str, MaintenanceWorker]]:
    """One worker for each queue of tasks, as in production."""
    workers = {queue: register_maintenance_worker(queue) for queue in TASK_QUEUES}
    yield workers
    for own in workers.values():
        own.unregister()


def worker(**changes: Any) -> Worker:
    facts = {"name": "gpu-1", "pool": "cpu", "model": "camera", "device": "cpu", "state": Worker.State.READY}
    return Worker.objects.create(**{"id": new_id(), "last_heartbeat_at": timezone.now(), **facts, **changes})


def get(path: str) -> tuple[int, dict[str, Any], float]:
    """Return status, body and duration of a response."""
    started = time.monotonic()
    response = Client(SERVER_NAME="localhost").get(path)
    return response.status_code, response.json(), time.monotonic() - started


def test_a_site_with_a_ready_worker_is_healthy() -> None:
    worker()
    worker(name="gpu-2", device="cuda:0", state="busy", vram_total_mb=24_000, vram_free_mb=10_483)
    worker(name="dead", state="unhealthy", last_heartbeat_at=timezone.now() - timedelta(minutes=5))
    status, payload, _ = get("/health")
    assert payload.pop("timestamp").endswith("Z")
    assert set(payload.pop("queues")) == set(settings.RQ_QUEUES)
    assert (status, payload) == (
        200,
        {
            "status": "healthy",
            "reasons": [],
            "model_loaded": True,
            "gpu_memory_used_gb": 13.2,
            "workers": 2,
            "queue_depth": 0,
            "upstreams": {},
            "worker_errors": {},
        },
    )


def test_the_error_of_a_worker_is_named_to_this_machine_only() -> None:
    worker(state="unhealthy", last_error="%(name)s is unreachable.", last_error_params={"name": "The hub"})
    assert get("/health")[1]["worker_errors"] == {"camera": "The hub is unreachable."}
    for host in ("127.0.0.1:8000", "[::1]:8000"):
        assert "worker_errors" in Client().get("/health", headers={"Host": host}).json()


@pytest.mark.parametrize(
    ("proxies", "address", "headers"),
    [
        (0, "203.0.113.7", {}),
        (1, "127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}),
        # Proxies on this machine: one that is missing in the settings, and some that do not send the header.
        (0, "127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}),
        (0, "127.0.0.1", {"Host": "testserver"}),
        (1, "127.0.0.1", {"Host": "testserver:8000"}),
    ],
)
def test_the_error_of_a_worker_is_not_named_to_others(
    proxies: int, address: str, headers: dict[str, str], settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    worker(state="unhealthy", last_error="The hub is unreachable.")
    response = Client().get("/health", REMOTE_ADDR=address, headers={"Host": "localhost"} | headers).json()
    assert "worker_unhealthy" in response["reasons"]
    assert "worker_errors" not in response


@pytest.mark.parametrize("state", [Worker.State.READY, Worker.State.BUSY])
def test_the_error_of_a_worker_is_not_that_of_its_model_while_another_works(state: Worker.State) -> None:
    worker(state="unhealthy", last_error="The hub is unreachable.")
    worker(name="gpu-2", state=state)
    payload = get("/health")[1]
    assert (payload["reasons"], payload["worker_errors"]) == (["worker_unhealthy"], {})


def test_upstream_servers() -> None:
    """A server is available if one of its workers can use it."""
    since = timezone.now() - timedelta(hours=1)
    facts: dict[str, Any] = {"model": "studio", "server_changed_at": since}
    worker(name="a", state="unhealthy", server_is_available=False, **facts)
    server = {"available": False, "since": f"{since:%Y-%m-%dT%H:%M:%S}Z", "waiting_seconds": None}
    assert get("/health")[1]["upstreams"] == {"studio": server}
    worker(name="b", server_is_available=True, server_waiting_seconds=2.04, **facts)
    worker(name="c", server_is_available=True, server_waiting_seconds=4, **facts)
    assert get("/health")[1]["upstreams"] == {"studio": server | {"available": True, "waiting_seconds": 3.0}}


def test_the_queues_of_tasks() -> None:
    client = redis_client()
    client.delete(*(f"rq:{kind}:{queue}" for queue in settings.RQ_QUEUES for kind in ("queue", "failed", "workers")))
    client.zadd("rq:failed:exports", {"build_export": 4_000_000_000})
    client.sadd("rq:workers:mail", "rq:worker:alive", "rq:worker:killed")
    client.set("rq:worker:alive", 1, ex=60)
    enqueue("delete_due_files")
    _, payload, _ = get("/health")
    assert payload["queues"]["files"] == {"waiting": 1, "running": 0, "failed": 0, "workers": 0}
    assert payload["queues"]["exports"] == {"waiting": 0, "running": 0, "failed": 1, "workers": 0}
    assert payload["queues"]["mail"] == {"waiting": 0, "running": 0, "failed": 0, "workers": 1}
    client.delete("rq:queue:files", "rq:failed:exports", "rq:workers:mail", "rq:worker:alive")


def test_conditions_that_need_an_operator_degrade_it(submit: Callable[..., Job]) -> None:
    worker(state="unhealthy")
    job = submit()
    _, payload, _ = get("/health")
    assert (payload["status"], payload["reasons"]) == ("degraded", ["model_without_worker", "worker_unhealthy"])
    assert (payload["model_loaded"], payload["queue_depth"]) == (False, 1)
    ago = timezone.now() - timedelta(minutes=2)
    JobEvent.objects.filter(job=job).update(created_at=ago)
    Job.objects.filter(pk=job.pk).update(state=State.IN_PROGRESS, lease_owner=new_id(), lease_until=ago)
    status, payload, _ = get("/health")
    assert (status, payload["reasons"][2:]) == (200, ["maintenance_worker_stalled", "reconciler_stalled"])


@pytest.mark.parametrize("queue", TASK_QUEUES)
@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_queue_of_tasks_without_a_worker_degrades_it(
    queue: str, end: str, maintenance_workers: dict[str, MaintenanceWorker]
) -> None:
    worker()
    assert get("/health")[1]["status"] == "healthy"
    if end == "stopped":
        maintenance_workers[queue].unregister()
    else:
        redis_client().delete(maintenance_workers[queue].key)  # it expires without heartbeats
    status, payload, _ = get("/health")
    assert (status, payload["status"], payload["reasons"]) == (200, "degraded", ["task_queue_without_worker"])
    register_maintenance_worker(queue)
    assert get("/health")[1]["status"] == "healthy"


def test_the_queue_of_a_pool_without_a_worker_does_not() -> None:
    """Models that need the pool are reported."""
    worker()
    payload = get("/health")[1]
    assert (payload["queues"]["pool.gpu"]["workers"], payload["status"]) == (0, "healthy")


@pytest.mark.parametrize("outage", ["frozen", "stopped"])
def test_without_redis_it_is_degraded_and_ready(outage: str, own_valkey: Valkey) -> None:
    worker()
    process = process_of(own_valkey)
    if outage == "frozen":
        os.kill(process, signal.SIGSTOP)
    else:
        own_valkey.stop()
    try:
        health_response, ready_response = get("/health"), get("/readyz")
    finally:
        if outage == "frozen":
            os.kill(process, signal.SIGCONT)
    wait_for_health_checks()
    assert (health_response[0], health_response[1]["reasons"]) == (200, ["redis_unreachable"])
    assert health_response[1]["queues"] == {}
    assert (ready_response[0], ready_response[1]["checks"]) == (
        200,
        {"database": True, "redis": False, "storage": True},
    )
    assert health_response[2] < 10 > ready_response[2]


def test_an_unresponsive_database_delays_no_response() -> None:
    with frozen_database():
        health_response, ready_response = get("/health"), get("/readyz")
        assert get_livez() == b"ok"
    assert (health_response[0], health_response[1]["status"]) == (503, "unhealthy")
    assert (health_response[1]["reasons"], health_response[1]["queue_depth"]) == (["database_unreachable"], None)
    assert (ready_response[0], ready_response[1]["checks"]["database"]) == (503, False)
    assert health_response[2] < 10 > ready_response[2]
    assert get("/readyz")[0] == 200


def get_livez() -> bytes:
    return bytes(Client().get("/livez").content)


def test_without_the_storage_it_is_unhealthy(settings: Any, tmp_path: Path) -> None:
    worker()
    media = tmp_path / "media"
    media.write_text("a file instead of a folder")
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(media)}}
    settings.STORAGES = settings.STORAGES | {"default": local}
    status, payload, _ = get("/health")
    assert (status, payload["status"], payload["reasons"]) == (503, "unhealthy", ["storage_unreachable"])
    status, payload, _ = get("/readyz")
    assert (status, payload["checks"]) == (503, {"database": True, "redis": True, "storage": False})
    media.unlink()
    media.mkdir()
    assert (get("/readyz")[0], get("/health")[1]["status"]) == (200, "healthy")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/metrics"])
def test_a_probe_allows_only_get_and_head(path: str) -> None:
    refused = Client(enforce_csrf_checks=True).post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
