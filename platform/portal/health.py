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

from common.short_redis import short_redis
from jobs.services.standing import Standing, present_standing
from portal.probes import Probe

log = structlog.get_logger(__name__)

# Orchestrators ask every few seconds and give up after some more: all answers are there before.
_PATIENCE_SECONDS = 2.0
# Events older than this wait for a side worker, leases that ended so long ago for a reconciler.
_LATE_SECONDS = 60


@csrf_exempt
@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@csrf_exempt
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Database, Redis and storage can be reached; 503 names what cannot."""
    checks = reached()
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
    answers = _answers(standing=STANDING, redis=READY["redis"], storage=READY["storage"])
    standing: Standing | None = answers["standing"]
    reasons = [] if answers["storage"] else ["storage_away"]
    reasons += ["database_away"] if standing is None else _troubles(standing, has_redis=bool(answers["redis"]))
    status = "healthy" if not reasons else "degraded"
    if {"database_away", "storage_away"} & set(reasons):
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


def _troubles(standing: Standing, *, has_redis: bool) -> list[str]:
    found = {
        # Jobs start up to a second later, and calls are not limited.
        "redis_away": not has_redis,
        "model_without_worker": not standing.models_loaded >= set(settings.MODELS_ENABLED),
        "worker_unhealthy": standing.has_unhealthy_worker,
        # Webhooks and mails wait.
        "sideworker_away": standing.oldest_event_seconds > _LATE_SECONDS,
        # Jobs of dead workers wait.
        "reconciler_away": standing.longest_expired_seconds > _LATE_SECONDS,
    }
    return [reason for reason, holds in found.items() if holds]


def reached() -> dict[str, bool]:
    """Whether each server answers, within two seconds for all."""
    return {name: answer is True for name, answer in _answers(**READY).items()}


def _ask_database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _ask_redis() -> bool:
    return bool(short_redis().ping())


def _ask_storage() -> bool:
    with suppress(FileNotFoundError):  # a folder is made with the first picture
        default_storage.listdir("")
    return True


STANDING = Probe(present_standing, seconds=_PATIENCE_SECONDS)
READY: dict[str, Probe[bool]] = {
    "database": Probe(_ask_database, seconds=_PATIENCE_SECONDS),
    "redis": Probe(_ask_redis, seconds=_PATIENCE_SECONDS),
    "storage": Probe(_ask_storage, seconds=_PATIENCE_SECONDS),
}


def _answers(**probes: Probe[Any]) -> dict[str, Any]:
    """What each says; None where it is not reached. Asked at once: together they take as long as the slowest."""
    asked = {name: probe.begin() for name, probe in probes.items()}
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    found: dict[str, Any] = {}
    for name, answer in asked.items():
        try:
            found[name] = answer.result(max(0.0, give_up_at - time.monotonic()))
        except (DatabaseError, redis.RedisError, OSError) as error:  # TimeoutError is an OSError
            log.warning("not_reached", server=name, reason=str(error).strip() or type(error).__name__)
            found[name] = None
    return found
