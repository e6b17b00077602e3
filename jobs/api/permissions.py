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
        scope = getattr(view, "scopes", {}).get(request.method)
        if scope is None:
            return request.method == "OPTIONS"
        principal.require(scope)
        return True
