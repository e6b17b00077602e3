"""Every view names the scope that each of its methods needs; one that names none is closed."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from jobs.api.authentication import principal_of

if TYPE_CHECKING:  # the framework loads this module while it defines APIView
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Checks `view.scopes`, a Scope by HTTP method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = principal_of(request)
        method = "GET" if request.method == "HEAD" else request.method
        scope = getattr(view, "scopes", {}).get(method)
        if scope is None:
            # A method that the view lacks goes on to its 405; one that it has but names no scope for is closed.
            return method == "OPTIONS" or not hasattr(view, (method or "").lower())
        principal.require(scope)
        return True
