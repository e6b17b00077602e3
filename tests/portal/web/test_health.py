"""Probes tell what is away, within seconds, whatever is gone or frozen."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from common.ids import new_id
from jobs.models import Job, JobEvent, Worker
from jobs.states import State
from portal.embedded.servers import Valkey
from portal.web import health
from tests.support.outages import process_of

pytestmark = pytest.mark.django_db(transaction=True)


def worker(**changes: Any) -> Worker:
    facts = {"name": "gpu-1", "pool": "cpu", "model": "camera", "device": "cpu", "state": Worker.State.READY}
    return Worker.objects.create(**{"id": new_id(), "last_heartbeat_at": timezone.now(), **facts, **changes})


def asked(path: str) -> tuple[int, dict[str, Any], float]:
    """Status, body and seconds of an answer."""
    started = time.monotonic()
    answer = Client().get(path)
    return answer.status_code, answer.json(), time.monotonic() - started


@contextmanager
def frozen_database() -> Iterator[None]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = dict(connection.settings_dict)
        connection.close()
        connection.settings_dict.update(HOST="127.0.0.1", PORT=listener.getsockname()[1])
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)
    _let_probes_end()


def _let_probes_end() -> None:
    """The threads that asked a dead server have noticed: the next test's questions are its own."""
    for probe in (health.SYSTEM_STATUS_CHECK, *health.DEPENDENCY_CHECKS.values()):
        probe.start().exception(timeout=60)


def test_a_site_with_a_ready_worker_is_healthy() -> None:
    worker()
    worker(name="gpu-2", device="cuda:0", state="busy", vram_total_mb=24_000, vram_free_mb=10_483)
    worker(name="long gone", state="unhealthy", last_heartbeat_at=timezone.now() - timedelta(minutes=5))
    status, told, _ = asked("/health")
    assert told.pop("timestamp").endswith("Z")
    assert (status, told) == (
        200,
        {
            "status": "healthy",
            "reasons": [],
            "model_loaded": True,
            "gpu_memory_used_gb": 13.2,
            "workers": 2,
            "queue_depth": 0,
        },
    )


def test_what_a_person_should_look_at_degrades_it(submit: Callable[..., Job]) -> None:
    worker(state="unhealthy")
    job = submit()
    _, told, _ = asked("/health")
    assert (told["status"], told["reasons"]) == ("degraded", ["model_without_worker", "worker_unhealthy"])
    assert (told["model_loaded"], told["queue_depth"]) == (False, 1)
    ago = timezone.now() - timedelta(minutes=2)
    JobEvent.objects.filter(job=job).update(created_at=ago)
    Job.objects.filter(pk=job.pk).update(state=State.IN_PROGRESS, lease_owner=new_id(), lease_until=ago)
    status, told, _ = asked("/health")
    assert (status, told["reasons"][2:]) == (200, ["maintenance_worker_stalled", "reconciler_stalled"])


@pytest.mark.parametrize("outage", ["frozen", "gone"])
def test_without_redis_it_is_degraded_and_ready(outage: str, own_valkey: Valkey) -> None:
    worker()
    process = process_of(own_valkey)
    if outage == "frozen":
        os.kill(process, signal.SIGSTOP)
    else:
        own_valkey.stop()
    try:
        health_answer, ready_answer = asked("/health"), asked("/readyz")
    finally:
        if outage == "frozen":
            os.kill(process, signal.SIGCONT)
    _let_probes_end()
    assert (health_answer[0], health_answer[1]["reasons"]) == (200, ["redis_unreachable"])
    assert (ready_answer[0], ready_answer[1]["checks"]) == (200, {"database": True, "redis": False, "storage": True})
    assert health_answer[2] < 10 > ready_answer[2]


def test_a_frozen_database_holds_nobody() -> None:
    with frozen_database():
        health_answer, ready_answer = asked("/health"), asked("/readyz")
        assert asked_livez() == b"ok"
    assert (health_answer[0], health_answer[1]["status"]) == (503, "unhealthy")
    assert (health_answer[1]["reasons"], health_answer[1]["queue_depth"]) == (["database_unreachable"], None)
    assert (ready_answer[0], ready_answer[1]["checks"]["database"]) == (503, False)
    assert health_answer[2] < 10 > ready_answer[2]
    assert asked("/readyz")[0] == 200


def asked_livez() -> bytes:
    return bytes(Client().get("/livez").content)


def test_without_the_storage_it_is_unhealthy(settings: Any, tmp_path: Path) -> None:
    worker()
    media = tmp_path / "media"
    media.write_text("a file where a folder should be")
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(media)}}
    settings.STORAGES = settings.STORAGES | {"default": local}
    status, told, _ = asked("/health")
    assert (status, told["status"], told["reasons"]) == (503, "unhealthy", ["storage_unreachable"])
    status, told, _ = asked("/readyz")
    assert (status, told["checks"]) == (503, {"database": True, "redis": True, "storage": False})
    media.unlink()
    media.mkdir()
    assert (asked("/readyz")[0], asked("/health")[1]["status"]) == (200, "healthy")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/metrics"])
def test_a_probe_is_asked_by_get_and_says_so(path: str) -> None:
    refused = Client(enforce_csrf_checks=True).post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
