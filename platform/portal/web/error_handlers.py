"""Answers to what no view caught: pages for people, the error envelope for API clients."""

import sys
from functools import partial
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template import loader
from django.views import defaults

from common.db_errors import is_transient
from common.errors import Malformed, MutoscopeError, NotFound
from common.middleware import Step, SyncAndAsyncMiddleware
from jobs.api.errors import COMPAT_PREFIXES, as_mutoscope_error, error_headers, json_error

_API_PREFIXES = ("/v1/", "/generate", *COMPAT_PREFIXES)


def is_api(request: HttpRequest) -> bool:
    """Whether a program is answered, not a person at a page."""
    return request.path == "/v1" or request.path.startswith(_API_PREFIXES)


def _wants_json(request: HttpRequest) -> bool:
    """A program too: one that asks for it at an address of the pages."""
    return is_api(request) or request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def error_response(request: HttpRequest, error: MutoscopeError) -> HttpResponse:
    """The answer to a request that was refused before Django made anything of it: no session, no template."""
    if is_api(request):
        return json_error(request, error)
    return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return json_error(request, as_mutoscope_error(exception) or Malformed("The request is malformed."))
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return json_error(request, NotFound("There is nothing at this address."))
    return _render_error_page(request, 404)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _render_error_page(request, 403)


def _render_error_page(request: HttpRequest, status: int) -> HttpResponse:
    """Who is signed in keeps the navigation."""
    signed_in = hasattr(request, "user") and request.user.is_authenticated
    context = {"error_page": "error_in_app.html"} if signed_in else {}
    return render(request, f"{status}.html", context, status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    if isinstance(error, Exception) and is_transient(error):
        return _service_unavailable(request, error)
    if is_api(request):
        return json_error(request, MutoscopeError("Something went wrong on our side. Try again; quote the request_id."))
    return defaults.server_error(request)


def _service_unavailable(request: HttpRequest, outage: Exception) -> HttpResponse:
    """A database that is away, wherever it was missed: in a page, in a session."""
    known = cast("MutoscopeError", as_mutoscope_error(outage))
    if _wants_json(request):
        return json_error(request, known)
    return HttpResponse(loader.render_to_string("503.html"), status=known.status, headers=error_headers(known))


class MethodNotAllowedPageMiddleware(SyncAndAsyncMiddleware):
    """A page instead of Django's empty 405 for whoever opens the address of a button, such as after a sign-in."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        return partial(_method_not_allowed_page, request, response) if _is_bare_405(request, response) else None


def _is_bare_405(request: HttpRequest, response: HttpResponseBase) -> bool:
    return response.status_code == 405 and request.method == "GET" and not is_api(request)


def _method_not_allowed_page(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    page = _render_error_page(request, 405)
    page["Allow"] = response["Allow"]
    return page
