"""GET /v1/auth: whether the credentials of a request are valid, for the proxy."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api.authentication import principal_of


class HasPrincipal(BasePermission):
    """Whatever the caller may do. No call is counted: the one that this is asked for will be."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(principal_of(request))


class AuthCheckView(APIView):
    """204, or the 401 that any other address would answer. For the proxy: it asks before it takes a large body in."""

    schema = None
    permission_classes = [HasPrincipal]

    def handle_exception(self, error: Exception) -> Response:
        """The code in a header, too: of the answer's body the proxy sees nothing."""
        response = super().handle_exception(error)
        response["X-Error-Code"] = response.data["error"]["code"]
        return response

    def get(self, _request: Request) -> Response:
        return Response(status=204)
