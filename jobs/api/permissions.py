"""Every view names the scope that each of its methods needs; one that names none is closed. Every call is counted."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from jobs.api.authentication import principal_of
from jobs.api.throttling import principal_limits, throttle

if TYPE_CHECKING:  # the framework loads this module while it defines APIView
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Checks `view.scopes`, a Scope by HTTP method, for a caller whose minute has calls left.

    A view may set more limits by `extra_limits`. One that is `exempt_sessions_from_throttling` does not count a browser's looks: a page
    full of pictures would use up the team's minute.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = principal_of(request)
        if principal.api_key is not None or not getattr(view, "exempt_sessions_from_throttling", False):
            extra_limits = getattr(view, "extra_limits", None)
            throttle(view, principal_limits(principal) + (extra_limits(principal) if extra_limits else []))
        method = "GET" if request.method == "HEAD" else request.method
        scope = getattr(view, "scopes", {}).get(method)
        if scope is None:
            # A method that the view lacks goes on to its 405; one that it has but names no scope for is closed.
            return method == "OPTIONS" or not hasattr(view, (method or "").lower())
        principal.require(scope)
        return True
