"""`GET /metrics`, for clients that the settings allow; all others get 404."""

import hmac
import ipaddress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from accounts.auth.impersonation import Access, impersonation
from portal.metrics import http, site


@impersonation(Access.READ)
@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of this machine's web processes and of the whole site."""
    if not (_has_token(request) or _is_in_allowed_network(request)):
        raise Http404
    return HttpResponse(http.exposition() + site.exposition(), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, provided = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(provided.strip().encode(), token.encode())


def _is_in_allowed_network(request: HttpRequest) -> bool:
    """Return whether the client is in METRICS_NETWORKS. Forwarded requests are not, even if their proxy is."""
    if "Forwarded" in request.headers or "X-Forwarded-For" in request.headers:
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(network) for network in settings.METRICS_NETWORKS)
