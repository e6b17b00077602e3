"""Probes: is the process up, can it serve, and how is the whole."""

from datetime import UTC, datetime, timedelta

import redis
import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from common.clock import DatabaseNow
from jobs.models import Job, Worker
from jobs.services.doorbell import short_redis
from jobs.services.queue import LIVE_WORKER_SECONDS
from jobs.states import State

log = structlog.get_logger(__name__)


@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Database, Redis and storage can be reached; 503 names what cannot."""
    checks = {"database": _database_answers(), "redis": _redis_answers(), "storage": _storage_answers()}
    # Without Redis jobs are still accepted and made, only a second later: that is no reason to take the site away.
    ready = checks["database"] and checks["storage"]
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """The state of the whole for dashboards: healthy, degraded (works, but look) or unhealthy (cannot work)."""
    try:
        facts = _facts()
    except DatabaseError as error:
        log.warning("health_without_database", reason=str(error).strip())
        facts = {
            "status": "unhealthy",
            "model_loaded": False,
            "gpu_memory_used_gb": None,
            "workers": 0,
            "queue_depth": None,
        }
    facts["timestamp"] = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return JsonResponse(facts, status=503 if facts["status"] == "unhealthy" else 200)


def _facts() -> dict[str, object]:
    live = Worker.objects.filter(last_beat_at__gte=DatabaseNow() - timedelta(seconds=LIVE_WORKER_SECONDS))
    workers = list(live.values_list("model", "state"))
    loaded = {model for model, state in workers if state in {Worker.State.READY, Worker.State.BUSY}}
    memory = live.exclude(device="cpu").aggregate(total=Sum("vram_total_mb"), free=Sum("vram_free_mb"))
    used_mb = (memory["total"] or 0) - (memory["free"] or 0)
    unhealthy = any(state == Worker.State.UNHEALTHY for _, state in workers)
    well = loaded >= set(settings.MODELS_ENABLED) and _redis_answers() and not unhealthy
    return {
        "status": "healthy" if well else "degraded",
        "model_loaded": bool(loaded),
        "gpu_memory_used_gb": round(used_mb / 1024, 1),
        "workers": len(workers),
        "queue_depth": Job.objects.filter(state=State.QUEUED).count(),
    }


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("database_not_ready", reason=str(error).strip())
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(short_redis().ping())
    except redis.RedisError as error:
        log.warning("redis_not_ready", reason=str(error))
        return False


def _storage_answers() -> bool:
    try:
        default_storage.exists("readyz")
    except OSError as error:
        log.warning("storage_not_ready", reason=str(error), backend=type(default_storage).__name__)
        return False
    return True
