"""Health endpoints: whether the process is up, whether it can serve, and the state of the whole site."""

import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from ipaddress import ip_address
from tempfile import TemporaryFile
from typing import Any

import redis
import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import split_domain_port
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.auth.impersonation import Access, impersonation
from common.redis_client import redis_client
from common.tasks.queues import TASK_QUEUES, QueueStats, queue_stats
from jobs.queue.system_status import SystemStatus, system_status
from jobs.queue.upstream_servers import UpstreamServer, upstream_servers
from portal.web.timed_check import TimedCheck

log = structlog.get_logger(__name__)

# Orchestrators probe every few seconds and time out soon after: all checks finish before that.
_TIMEOUT_SECONDS = 2.0
# An undispatched event older than this needs a maintenance worker; a lease that expired earlier needs a reconciler.
_STALLED_AFTER_SECONDS = 60


@impersonation(Access.READ)
@csrf_exempt
@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """Report that the process responds."""
    return HttpResponse("ok", content_type="text/plain")


@impersonation(Access.READ)
@csrf_exempt
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Report whether database, Redis and storage are reachable; 503 if database or storage is not."""
    checks = check_dependencies()
    # Without Redis jobs are still accepted and processed, up to a second later: no reason to take the site offline.
    ready = checks["database"] and checks["storage"]
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


@impersonation(Access.READ)
@csrf_exempt
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Report the state of the whole site for dashboards.

    `unhealthy` (503): no job can be accepted, because database or storage is unreachable. `degraded`: the site works,
    but an operator should check it; `reasons` says why. `healthy`: neither. `model_loaded`: a worker has loaded a
    model, or loads its models on demand. `worker_errors` says why no worker of a model can work, for requests from
    this machine only: the errors may name folders and servers. `upstreams` says of each model of an upstream server
    whether it is available and how long its videos wait there.
    """
    results = _run_checks(
        system=SYSTEM_STATUS_CHECK,
        redis=DEPENDENCY_CHECKS["redis"],
        storage=DEPENDENCY_CHECKS["storage"],
        temporary_folder=TEMPORARY_FOLDER_CHECK,
        queues=QUEUE_STATS_CHECK,
        upstreams=UPSTREAM_SERVERS_CHECK,
    )
    system: SystemStatus | None = results["system"]
    reasons = [] if results["storage"] else ["storage_unreachable"]
    queues: list[QueueStats] = results["queues"] or []
    reasons += ["database_unreachable"] if system is None else _degradations(system, has_redis=bool(results["redis"]))
    # Requests with large bodies fail.
    reasons += [] if results["temporary_folder"] else ["temporary_folder_unwritable"]
    reasons += ["task_queue_without_worker"] if _has_unserved_queue(queues) else []
    status = "healthy" if not reasons else "degraded"
    if {"database_unreachable", "storage_unreachable"} & set(reasons):
        status = "unhealthy"
    body = {
        "status": status,
        "reasons": reasons,
        "model_loaded": bool(system and system.ready_models),
        "gpu_memory_used_gb": None if system is None else round(system.gpu_memory_used_mb / 1024, 1),
        "workers": 0 if system is None else system.workers,
        "queue_depth": None if system is None else system.queued,
        "upstreams": {server.model: _upstream_fields(server) for server in results["upstreams"] or []},
        "queues": {stats.pop("name"): stats for stats in map(asdict, queues)},
        "timestamp": _format_time(datetime.now(UTC)),
    }
    if system is not None and _is_local(request):
        body["worker_errors"] = {
            model: str(error) for model, error in system.worker_errors.items() if model not in system.ready_models
        }
    return JsonResponse(body, status=503 if status == "unhealthy" else 200)


def _upstream_fields(server: UpstreamServer) -> dict[str, Any]:
    waiting = server.waiting_seconds
    return {
        "available": server.is_available,
        "since": _format_time(server.changed_at),
        "waiting_seconds": None if waiting is None else round(waiting, 1),
    }


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _is_local(request: HttpRequest) -> bool:
    if "X-Forwarded-For" in request.headers and not settings.TRUSTED_PROXIES:
        return False  # through a proxy on this machine that is missing in the settings
    # A proxy on this machine that sends no such header forwards the site's host name.
    host, _port = split_domain_port(request.get_host())
    names_this_machine = host == "localhost" or _is_loopback(host.strip("[]"))
    return names_this_machine and _is_loopback(request.client_ip)  # type: ignore[attr-defined]


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a host name, or an unknown client
        return False


def _degradations(system: SystemStatus, *, has_redis: bool) -> list[str]:
    conditions = {
        # Jobs start up to a second later, and rate limits do not apply.
        "redis_unreachable": not has_redis,
        "model_without_worker": not system.ready_models >= set(settings.MODELS_ENABLED),
        "worker_unhealthy": bool(system.worker_errors),
        # Webhooks and emails are delayed.
        "maintenance_worker_stalled": system.oldest_pending_event_seconds > _STALLED_AFTER_SECONDS,
        # Jobs of dead workers are delayed.
        "reconciler_stalled": system.oldest_expired_lease_seconds > _STALLED_AFTER_SECONDS,
    }
    return [reason for reason, applies in conditions.items() if applies]


def _has_unserved_queue(queues: list[QueueStats]) -> bool:
    """Return whether webhooks, emails, deletions or exports wait for a worker that is not running."""
    return any(stats.workers == 0 for stats in queues if stats.name in TASK_QUEUES)


def check_dependencies() -> dict[str, bool]:
    """Return whether each dependency responds, within two seconds for all."""
    return {name: result is True for name, result in _run_checks(**DEPENDENCY_CHECKS).items()}


def _check_database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _check_redis() -> bool:
    return bool(redis_client().ping())


def _check_storage() -> bool:
    with suppress(FileNotFoundError):  # the folder is created with the first image
        default_storage.listdir("")
    return True


def _check_temporary_folder() -> bool:
    with TemporaryFile(buffering=0) as file:
        file.write(bytes(1))
    return True


TEMPORARY_FOLDER_CHECK = TimedCheck(_check_temporary_folder, timeout_seconds=_TIMEOUT_SECONDS)
SYSTEM_STATUS_CHECK = TimedCheck(system_status, timeout_seconds=_TIMEOUT_SECONDS)
UPSTREAM_SERVERS_CHECK = TimedCheck(upstream_servers, timeout_seconds=_TIMEOUT_SECONDS)
QUEUE_STATS_CHECK = TimedCheck(queue_stats, timeout_seconds=_TIMEOUT_SECONDS)
DEPENDENCY_CHECKS: dict[str, TimedCheck[bool]] = {
    "database": TimedCheck(_check_database, timeout_seconds=_TIMEOUT_SECONDS),
    "redis": TimedCheck(_check_redis, timeout_seconds=_TIMEOUT_SECONDS),
    "storage": TimedCheck(_check_storage, timeout_seconds=_TIMEOUT_SECONDS),
}


def _run_checks(**checks: TimedCheck[Any]) -> dict[str, Any]:
    """Return the result of each check, None if it failed. The checks run at the same time."""
    pending = {name: check.start() for name, check in checks.items()}
    give_up_at = time.monotonic() + _TIMEOUT_SECONDS
    results: dict[str, Any] = {}
    for name, result in pending.items():
        try:
            results[name] = result.result(max(0.0, give_up_at - time.monotonic()))
        except (DatabaseError, redis.RedisError, OSError) as error:  # TimeoutError is an OSError
            log.warning("dependency_check_failed", dependency=name, reason=str(error).strip() or type(error).__name__)
            results[name] = None
    return results
