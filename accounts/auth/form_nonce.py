"""A form that creates something is submitted once. A second submit of the same form repeats the first response.

The form has a random hidden field (`{% form_nonce %}`). It covers what the page's scripts cannot
prevent: a double click without JavaScript, and a browser that repeats a request.
"""

import hashlib
from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.auth.htmx import htmx_redirect, is_htmx, refuse_htmx
from common.advisory_lock import LockTimeout, session_lock

FIELD = "form_nonce"
_RETENTION_SECONDS = 60 * 60
# A second submit waits for the response of the first.
_LOCK_TIMEOUT_SECONDS = 10


def submit_once(request: HttpRequest, user_id: int | None, respond: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Return the response, or repeat that of the first successful submit. A refused form may be submitted again."""
    nonce = request.POST.get(FIELD, "")
    if not nonce:
        return respond()
    name = f"form:{hashlib.sha256(f'{user_id}:{nonce}'.encode()).hexdigest()}"
    try:
        with session_lock(name, timeout_seconds=_LOCK_TIMEOUT_SECONDS):
            url = cache.get(name)
            if url is not None:
                return _repeated(request, url)
            response = respond()
            if response.status_code < 400:
                url = response.headers.get("Location") or response.headers.get("HX-Redirect", "")
                cache.set(name, url, _RETENTION_SECONDS)
            return response
    except LockTimeout:
        return _repeated(request, "")


def _repeated(request: HttpRequest, url: str) -> HttpResponseBase:
    """Redirect as the first response did. If it showed a secret, that is not shown again."""
    if url:
        return htmx_redirect(request, url)
    if is_htmx(request):
        return refuse_htmx("alreadySubmitted")
    return render(request, "already_submitted.html", status=409)
