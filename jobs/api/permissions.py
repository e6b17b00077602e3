"""Permissions of API views: each method declares its scope, and requests are throttled."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from common.ratelimit import RateLimitExceeded
from jobs.api.authentication import principal_of
from jobs.api.presented_keys import presented_key, recent_refusals
from jobs.api.throttling import principal_limits, throttle

if TYPE_CHECKING:  # the framework loads this module while it defines APIView
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Throttle the request, then check the scope that `view.scopes` declares for the HTTP method.

    `view.extra_limits` returns additional limits. A view with `exempt_sessions_from_throttling` does not count requests
    of browsers, since a page with many images would exhaust the team's limit per minute.
    """

    throttles = True  # so keys over their limit may be refused before the view is called

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = principal_of(request)
        if principal.api_key is not None or not getattr(view, "exempt_sessions_from_throttling", False):
            extra_limits = getattr(view, "extra_limits", None)
            try:
                throttle(view, principal_limits(principal) + (extra_limits(principal) if extra_limits else []))
            except RateLimitExceeded as error:
                if key := presented_key(request.headers, request.path):
                    recent_refusals.add(key, error)
                raise
        method = "GET" if request.method == "HEAD" else request.method
        scope = getattr(view, "scopes", {}).get(method)
        if scope is None:
            # A method that the view lacks becomes a 405. A method without a declared scope is forbidden.
            return method == "OPTIONS" or not hasattr(view, (method or "").lower())
        principal.require(scope)
        return True
