"""GET /v1/auth: check the credentials of a request, for the proxy."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api.authentication import principal_of


class HasPrincipal(BasePermission):
    """Require valid credentials, with any scope. Not throttled: the request that the proxy checks is counted itself."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(principal_of(request))


class AuthCheckView(APIView):
    """Return 204, or 401 like any other endpoint. The proxy checks the credentials before it accepts a large body."""

    schema = None
    permission_classes = [HasPrincipal]

    def handle_exception(self, error: Exception) -> Response:
        """Add the error code as a header, since the proxy does not see the body of the response."""
        response = super().handle_exception(error)
        response["X-Error-Code"] = response.data["error"]["code"]
        return response

    def get(self, _request: Request) -> Response:
        return Response(status=204)
