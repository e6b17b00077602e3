"""The base of all views of the compatibility layer."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import MutoscopeError, NotFound
from jobs.api.async_views import AsyncAPIView
from jobs.api.errors import as_mutoscope_error, error_headers, problem_details, with_supported_media_types


class CompatView(APIView):
    """A view in the format of another service. It is not in our OpenAPI schema: that service documents its own API."""

    schema = None

    def get_exception_handler(self) -> Any:
        return self.exception_handler

    def exception_handler(self, error: Exception, context: dict[str, Any]) -> Response | None:
        """Return the response for an error. An unexpected error returns None: Django responds with 500."""
        known = as_mutoscope_error(error)
        if known is None:
            return None
        known = with_supported_media_types(known, self.parser_classes)
        status = self.status_of(known)
        return Response(self.error_body(known, status), status=status, headers=self.error_headers(known))

    def error_body(self, error: MutoscopeError, status: int) -> dict[str, Any]:
        """Return the body of an error."""
        return problem_details(error, status)

    def error_headers(self, error: MutoscopeError) -> dict[str, str]:
        """Return the headers of an error."""
        return error_headers(error)

    def status_of(self, error: MutoscopeError) -> int:
        """Return the HTTP status. A subclass returns another one where the SDK interprets ours differently."""
        return error.status


class AsyncCompatView(AsyncAPIView, CompatView):
    """A CompatView that waits for jobs."""


class UnknownRoute(CompatView):
    """Any other URL below the base URL of a compatible API."""

    permission_classes = ()
    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this URL. Check the path.")
