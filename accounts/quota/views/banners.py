"""Dismisses a banner about credits for the rest of the session."""

import re

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.auth.decorators import team_member_required
from accounts.auth.htmx import is_htmx
from accounts.auth.principals import Principal
from accounts.quota.context_processors import DISMISSED
from common.errors import NotFound

_BANNER_KEY = re.compile(r"\d+-\d{4}-\d{2}-(team|own)-\d{2,3}", re.ASCII)
# A session keeps only the newest: banners of past months are not shown any longer.
_MAX_DISMISSED = 20


@require_POST
@team_member_required()
def dismiss(request: HttpRequest, _principal: Principal, key: str) -> HttpResponseBase:
    """Dismiss the banner. htmx replaces it with the empty response; without htmx the browser is redirected back."""
    if not _BANNER_KEY.fullmatch(key):
        raise NotFound("No such warning.")
    dismissed = [other for other in request.session.get(DISMISSED, []) if other != key]
    request.session[DISMISSED] = [*dismissed, key][-_MAX_DISMISSED:]
    if is_htmx(request):
        return HttpResponse()
    back = request.POST.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_safe else reverse("usage"))
