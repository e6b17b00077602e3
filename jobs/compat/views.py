"""What the views of all dialects have in common."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import MutoscopeError, NotFound
from jobs.api.async_views import AsyncAPIView
from jobs.api.errors import as_mutoscope_error, error_headers, problem_details, with_supported_media_types


class CompatView(APIView):
    """Left out of our OpenAPI description: it is the other service that describes its own language."""

    schema = None

    def get_exception_handler(self) -> Any:
        return self.exception_handler

    def exception_handler(self, error: Exception, context: dict[str, Any]) -> Response | None:
        """What is nobody's fault but ours goes on to Django and becomes a 500."""
        known = as_mutoscope_error(error)
        if known is None:
            return None
        known = with_supported_media_types(known, self.parser_classes)
        status = self.status_of(known)
        return Response(problem_details(known, status), status=status, headers=error_headers(known))

    def status_of(self, error: MutoscopeError) -> int:
        """Where an SDK draws other conclusions from a status than we do, its view says another."""
        return error.status


class AsyncCompatView(AsyncAPIView, CompatView):
    """The same for what waits."""


class UnknownRoute(CompatView):
    """Every other address below a dialect's."""

    permission_classes = ()
    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address.")
