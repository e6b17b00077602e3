"""Probes: is the process up, can it serve, and how is the whole."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import redis
import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from common.redis_client import redis_client
from jobs.queue.system_status import SystemStatus, system_status
from portal.web.timed_check import TimedCheck

log = structlog.get_logger(__name__)

# Orchestrators ask every few seconds and give up after some more: all answers are there before.
_TIMEOUT_SECONDS = 2.0
# Events older than this wait for a side worker, leases that ended so long ago for a reconciler.
_STALLED_AFTER_SECONDS = 60


@csrf_exempt
@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@csrf_exempt
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Database, Redis and storage can be reached; 503 names what cannot."""
    checks = check_dependencies()
    # Without Redis jobs are still accepted and made, only a second later: that is no reason to take the site away.
    ready = checks["database"] and checks["storage"]
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


@csrf_exempt
@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """The state of the whole for dashboards.

    `unhealthy` (503): no job can be accepted, since database or storage is away. `degraded`: it works, but a person
    should look, and `reasons` says where. `healthy`: neither.
    """
    results = _run_checks(
        standing=SYSTEM_STATUS_CHECK, redis=DEPENDENCY_CHECKS["redis"], storage=DEPENDENCY_CHECKS["storage"]
    )
    standing: SystemStatus | None = results["standing"]
    reasons = [] if results["storage"] else ["storage_unreachable"]
    reasons += (
        ["database_unreachable"] if standing is None else _degradations(standing, has_redis=bool(results["redis"]))
    )
    status = "healthy" if not reasons else "degraded"
    if {"database_unreachable", "storage_unreachable"} & set(reasons):
        status = "unhealthy"
    facts = {
        "status": status,
        "reasons": reasons,
        "model_loaded": bool(standing and standing.models_loaded),
        "gpu_memory_used_gb": None if standing is None else round(standing.gpu_memory_used_mb / 1024, 1),
        "workers": 0 if standing is None else standing.workers,
        "queue_depth": None if standing is None else standing.queued,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    return JsonResponse(facts, status=503 if status == "unhealthy" else 200)


def _degradations(standing: SystemStatus, *, has_redis: bool) -> list[str]:
    found = {
        # Jobs start up to a second later, and calls are not limited.
        "redis_unreachable": not has_redis,
        "model_without_worker": not standing.models_loaded >= set(settings.MODELS_ENABLED),
        "worker_unhealthy": standing.has_unhealthy_worker,
        # Webhooks and mails wait.
        "maintenance_worker_stalled": standing.oldest_pending_event_seconds > _STALLED_AFTER_SECONDS,
        # Jobs of dead workers wait.
        "reconciler_stalled": standing.oldest_expired_lease_seconds > _STALLED_AFTER_SECONDS,
    }
    return [reason for reason, holds in found.items() if holds]


def check_dependencies() -> dict[str, bool]:
    """Whether each server answers, within two seconds for all."""
    return {name: answer is True for name, answer in _run_checks(**DEPENDENCY_CHECKS).items()}


def _check_database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _check_redis() -> bool:
    return bool(redis_client().ping())


def _check_storage() -> bool:
    with suppress(FileNotFoundError):  # a folder is made with the first picture
        default_storage.listdir("")
    return True


SYSTEM_STATUS_CHECK = TimedCheck(system_status, timeout_seconds=_TIMEOUT_SECONDS)
DEPENDENCY_CHECKS: dict[str, TimedCheck[bool]] = {
    "database": TimedCheck(_check_database, timeout_seconds=_TIMEOUT_SECONDS),
    "redis": TimedCheck(_check_redis, timeout_seconds=_TIMEOUT_SECONDS),
    "storage": TimedCheck(_check_storage, timeout_seconds=_TIMEOUT_SECONDS),
}


def _run_checks(**probes: TimedCheck[Any]) -> dict[str, Any]:
    """What each says; None where it is not reached. Asked at once: together they take as long as the slowest."""
    pending = {name: probe.start() for name, probe in probes.items()}
    give_up_at = time.monotonic() + _TIMEOUT_SECONDS
    found: dict[str, Any] = {}
    for name, answer in pending.items():
        try:
            found[name] = answer.result(max(0.0, give_up_at - time.monotonic()))
        except (DatabaseError, redis.RedisError, OSError) as error:  # TimeoutError is an OSError
            log.warning("dependency_check_failed", dependency=name, reason=str(error).strip() or type(error).__name__)
            found[name] = None
    return found
