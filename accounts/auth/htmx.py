"""Requests that htmx sends from a page, and the responses that it understands."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def is_htmx(request: HttpRequest) -> bool:
    """Return whether htmx sent the request and expects a fragment. To restore a page after Back it needs all of it."""
    return bool(request.htmx) and not request.htmx.history_restore_request  # type: ignore[attr-defined]


def htmx_redirect(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect the browser, also if the request came from htmx."""
    if not is_htmx(request):
        return redirect(url)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = url
    return response


def refuse_htmx(event: str, **detail: Any) -> HttpResponse:
    """Return a refusal that leaves the page and what was entered as it is. Its script handles the event (`app.js`)."""
    response = HttpResponse(status=409)
    response["HX-Reswap"], response["HX-Push-Url"] = "none", "false"
    response["HX-Trigger"] = json.dumps({event: detail})
    return response
