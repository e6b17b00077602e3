"""Per-request context: a request id in the response and all log lines, the client's IP address, one line at the end."""

import ipaddress
import re
import time
import uuid

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import tenancy
from common.middleware import Step, SyncAndAsyncMiddleware
from portal.metrics.http import count_request

log = structlog.get_logger(__name__)

# A client's own id is reused if it is safe to print.
_REQUEST_ID_PATTERN = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def client_ip_address(request: HttpRequest) -> str:
    """Return the client's IP address behind as many proxies as the settings trust; never one that a client claims."""
    hops = [request.META.get("REMOTE_ADDR") or ""]
    if settings.TRUSTED_PROXIES:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        hops = [hop.strip() for hop in forwarded if hop.strip()][-settings.TRUSTED_PROXIES :] or hops
    try:
        return str(ipaddress.ip_address(hops[0]))
    except ValueError:
        return "unknown"


def accepted_request_id(client_request_id: str) -> str:
    """Return the client's request id if it is valid, otherwise a new one."""
    return client_request_id if _REQUEST_ID_PATTERN.match(client_request_id) else uuid.uuid4().hex


class RequestContextMiddleware(SyncAndAsyncMiddleware):
    """Binds request_id and client_ip to the log context, sets X-Request-Id, logs the finished request."""

    def before(self, request: HttpRequest) -> Step | None:
        request.started_at = time.monotonic()  # type: ignore[attr-defined]
        request.request_id = accepted_request_id(request.headers.get("X-Request-Id", ""))  # type: ignore[attr-defined]
        request.client_ip = client_ip_address(request)  # type: ignore[attr-defined]
        tenancy.bind_request(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id, client_ip=request.client_ip)  # type: ignore[attr-defined]
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        seconds = time.monotonic() - request.started_at  # type: ignore[attr-defined]
        count_request(request, response, seconds)
        if not request.path.startswith(settings.UNLOGGED_PATHS):
            log.info(
                "request_finished",
                method=request.method,
                path=request.path,
                status=response.status_code,
                ms=round(seconds * 1000, 1),
            )
        return None
