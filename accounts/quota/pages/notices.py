"""Puts a warning about credits aside, for as long as the session lasts."""

import re

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.pages import is_htmx, team_page
from accounts.principals import Principal
from accounts.quota.context import PUT_ASIDE
from common.errors import NotFound

_KEY = re.compile(r"\d+-\d{4}-\d{2}-(team|own)-\d{2,3}", re.ASCII)
# A session keeps the newest: those of months that are over concern nobody.
_MOST = 20


@require_POST
@team_page()
def dismiss(request: HttpRequest, _principal: Principal, key: str) -> HttpResponseBase:
    """htmx takes an empty answer in the warning's place; a browser without it goes back to where it was."""
    if not _KEY.fullmatch(key):
        raise NotFound("There is no such warning.")
    aside = [known for known in request.session.get(PUT_ASIDE, []) if known != key]
    request.session[PUT_ASIDE] = [*aside, key][-_MOST:]
    if is_htmx(request):
        return HttpResponse()
    back = request.POST.get("next", "")
    known_place = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if known_place else reverse("usage"))
