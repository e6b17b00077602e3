"""Per-request context: a request id in the response and all log lines, the client's IP address, one line at the end."""

import ipaddress
import re
import time
import uuid
from http import HTTPStatus

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

from accounts import tenancy
from common.middleware import Step, SyncAndAsyncMiddleware
from portal.metrics.http import count_request

log = structlog.get_logger(__name__)

# A client's own id is reused if it is safe to print.
_REQUEST_ID_PATTERN = re.compile(r"^[A-Za-z0-9._-]{8,64}$")

# The pages of allauth show sessions, email addresses and recovery codes. A browser must not keep them after a sign-out.
_ACCOUNT_PREFIX = "/accounts/"
_HOP_WITH_PORT_PATTERN = re.compile(r"\[(?P<v6>[^\]]{1,60})\](?::\d{1,5})?|(?P<v4>[\d.]{7,15}):\d{1,5}")


def client_ip_address(peer: str, forwarded_for: str) -> str:
    """Return the client's IP address behind as many proxies as the settings trust; never one that a client claims.

    peer: address of the connection. forwarded_for: header X-Forwarded-For.
    """
    hops = [peer]
    if settings.TRUSTED_PROXIES:
        forwarded = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
        hops = forwarded[-settings.TRUSTED_PROXIES :] or hops
    try:
        return str(ipaddress.ip_address(_without_port(hops[0])))
    except ValueError:
        return "unknown"


def _without_port(hop: str) -> str:
    """Return the IP address of a hop. Some proxies write `192.0.2.1:443`, `[2001:db8::1]` or `[2001:db8::1]:443`."""
    match = _HOP_WITH_PORT_PATTERN.fullmatch(hop)
    return match["v6"] or match["v4"] if match else hop


def accepted_request_id(client_request_id: str) -> str:
    """Return the client's request id if it is valid, otherwise a new one."""
    return client_request_id if _REQUEST_ID_PATTERN.match(client_request_id) else uuid.uuid4().hex


class RequestContextMiddleware(SyncAndAsyncMiddleware):
    """Binds request_id and client_ip to the log context, sets X-Request-Id, logs the finished request."""

    def before(self, request: HttpRequest) -> Step | None:
        request.started_at = time.monotonic()  # type: ignore[attr-defined]
        request.request_id = accepted_request_id(request.headers.get("X-Request-Id", ""))  # type: ignore[attr-defined]
        peer, forwarded_for = request.META.get("REMOTE_ADDR") or "", request.headers.get("X-Forwarded-For", "")
        request.client_ip = client_ip_address(peer, forwarded_for)  # type: ignore[attr-defined]
        tenancy.bind_request(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id, client_ip=request.client_ip)  # type: ignore[attr-defined]
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        if response.status_code == HTTPStatus.MOVED_PERMANENTLY and request.method not in {"GET", "HEAD"}:
            # The redirect to HTTPS: after a 301, clients send a POST again as a GET.
            response.status_code = HTTPStatus.PERMANENT_REDIRECT
        if request.path.startswith(_ACCOUNT_PREFIX):
            patch_cache_control(response, no_store=True, private=True)
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
