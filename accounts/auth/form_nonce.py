"""A form that creates something is submitted once. A second submit of the same form repeats the first response.

The form has a random hidden field (`{% form_nonce %}`). It covers what the page's scripts cannot prevent: a double
click on a form that they do not send, and a browser that repeats a request.
"""

import hashlib
import time
from collections.abc import Callable

from django.core.cache import BaseCache, caches
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.auth.htmx import htmx_redirect, is_htmx, refuse_htmx

FIELD = "form_nonce"
_RETENTION_SECONDS = 60 * 60
# Longer than any submit takes. If the process of the first one is killed, the form may be submitted again afterwards.
_PENDING_SECONDS = 120
_PENDING = "pending"
# A second submit waits for the response of the first.
_WAIT_TIMEOUT_SECONDS = 10
_POLL_INTERVAL_SECONDS = 0.1


def refused(response: HttpResponseBase) -> HttpResponseBase:
    """Mark a response as that of a refused form, if its status does not say so: a redirect to a page with the error."""
    response.is_refusal = True  # type: ignore[attr-defined]
    return response


def submit_once(request: HttpRequest, user_id: int | None, respond: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Return the response, or repeat that of the first successful submit. A refused form may be submitted again."""
    nonce = request.POST.get(FIELD, "")
    if not nonce:
        return respond()
    forms = caches["forms"]
    key = hashlib.sha256(f"{user_id}:{nonce}".encode()).hexdigest()
    url = _wait_for_first(forms, key)
    if url is not None:
        return _repeated(request, url)
    try:
        response = respond()
        if response.status_code < 400 and not getattr(response, "is_refusal", False):
            url = response.headers.get("Location") or response.headers.get("HX-Redirect", "")
        return response
    finally:
        if url is None:
            forms.delete(key)
        else:
            forms.set(key, url, _RETENTION_SECONDS)


def _wait_for_first(forms: BaseCache, key: str) -> str | None:
    """Return None for the first submit. For others return the URL of its response, or "" if that takes too long."""
    deadline = time.monotonic() + _WAIT_TIMEOUT_SECONDS
    # An entry instead of a lock: `respond` may give its database connection back while it waits for something else.
    while not forms.add(key, _PENDING, _PENDING_SECONDS):
        while (url := forms.get(key)) == _PENDING:
            if time.monotonic() >= deadline:
                return ""
            time.sleep(_POLL_INTERVAL_SECONDS)
        if url is not None:
            return str(url)
        # The first one was refused. Or the cache cannot be written: the form is submitted without this protection, or
        # `respond` fails with the reason.
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL_INTERVAL_SECONDS)
    return None


def _repeated(request: HttpRequest, url: str) -> HttpResponseBase:
    """Redirect as the first response did. If it showed a secret, that is not shown again."""
    if url:
        return htmx_redirect(request, url)
    if is_htmx(request):
        return refuse_htmx("alreadySubmitted")
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}):
        page = resolve_url("create")
    return render(request, "already_submitted.html", {"page": page}, status=409)
