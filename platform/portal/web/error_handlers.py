"""Responses to errors that no view handles: pages for people, the error envelope for API clients."""

import sys
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template import loader
from django.views import defaults

from common.errors import Malformed, MutoscopeError, NotFound, Overloaded, internal_error
from common.middleware import Step, SyncAndAsyncMiddleware
from jobs.api.errors import COMPAT_PREFIXES, as_mutoscope_error, error_headers, json_error

_API_PREFIXES = ("/v1/", "/generate", *COMPAT_PREFIXES)


def is_api(request: HttpRequest) -> bool:
    """Return whether the request is one of a program, not of a person's browser.

    No route has a second slash or a capital letter there, but a program that sends one needs a JSON response, too.
    """
    path = f"/{request.path.lstrip('/').lower()}"
    return path == "/v1" or path.startswith(_API_PREFIXES)


def wants_json(request: HttpRequest) -> bool:
    """Return whether the client expects JSON: the API, or a program that asks a page for JSON."""
    return is_api(request) or request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def error_response(request: HttpRequest, error: MutoscopeError) -> HttpResponse:
    """Return the response to a request that is refused before Django handles it: no session, no template."""
    if is_api(request):
        return json_error(request, error)
    return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return json_error(request, as_mutoscope_error(exception) or Malformed("The request is malformed."))
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return json_error(request, NotFound("There is nothing at this URL. Check the path."))
    return _render_error_page(request, 404)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _render_error_page(request, 403)


def _render_error_page(request: HttpRequest, status: int) -> HttpResponse:
    """Render the page of this status; a signed-in user keeps the navigation."""
    signed_in = hasattr(request, "user") and request.user.is_authenticated
    context = {"error_page": "error_in_app.html"} if signed_in else {}
    return render(request, f"{status}.html", context, status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    client_error = as_mutoscope_error(error) if isinstance(error, Exception) else None
    if isinstance(client_error, Overloaded):
        return _service_unavailable(request, client_error)
    if is_api(request):
        return json_error(request, internal_error())
    return defaults.server_error(request)


def _service_unavailable(request: HttpRequest, error: Overloaded) -> HttpResponse:
    """Return the response to an outage of database or storage, wherever it occurred: in a view, in a session."""
    if wants_json(request):
        return json_error(request, error)
    page = loader.render_to_string("503.html", {"message": error.localized()})
    return HttpResponse(page, status=error.status, headers=error_headers(error))


class MethodNotAllowedPageMiddleware(SyncAndAsyncMiddleware):
    """Shows a page instead of Django's empty 405 when a person opens the URL of a button, such as after a sign-in."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        return partial(_method_not_allowed_page, request, response) if _is_bare_405(request, response) else None


def _is_bare_405(request: HttpRequest, response: HttpResponseBase) -> bool:
    return response.status_code == 405 and request.method == "GET" and not is_api(request)


def _method_not_allowed_page(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    page = _render_error_page(request, 405)
    page["Allow"] = response["Allow"]
    return page
