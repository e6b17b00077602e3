"""The API keys page: list, create, revoke. A key's clear text is in one answer and nowhere else."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import DEFAULT_SCOPES, NewKeyForm
from accounts.models import ApiKey
from accounts.pages import is_htmx, team_page
from accounts.principals import Principal
from accounts.roles import Right
from accounts.services import create_api_key, revoke_api_key
from common.errors import NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@team_page()
def api_keys(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The keys that this member may see, and the form for a new one."""
    if request.method != "POST":
        return _page(request, principal, form=_empty_form(principal))
    principal.require_right(Right.MAKE_KEYS)
    form = NewKeyForm(request.POST, scopes=principal.scopes)
    if not form.is_valid():
        return _page(request, principal, form=form, status=422)
    key, clear_text = create_api_key(
        team=principal.team,
        creator=principal.user,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at(),
    )
    return _page(request, principal, form=_empty_form(principal), new_key=key, clear_text=clear_text, status=201)


@require_POST
@team_page()
def revoke(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """Ends a key of this team: one's own, or anybody's for those who manage the team."""
    key = _visible(principal).filter(prefix=prefix).first()
    if key is None:
        raise NotFound("No such key.")
    if revoke_api_key(key=key):
        messages.success(request, _("The key “%(name)s” is revoked. It stopped working at once.") % {"name": key.name})
    if not is_htmx(request):
        return redirect("api_keys")
    response = HttpResponse(status=204)
    response["HX-Redirect"] = reverse("api_keys")
    return response


def _visible(principal: Principal) -> Any:
    keys = ApiKey.objects.for_team(principal.team).select_related("creator")
    return keys if principal.may(Right.MANAGE_KEYS) else keys.filter(creator=principal.user)


def _empty_form(principal: Principal) -> NewKeyForm:
    return NewKeyForm(scopes=principal.scopes, initial={"scopes": DEFAULT_SCOPES, "expires": "90"})


def _page(request: HttpRequest, principal: Principal, *, status: int = 200, **context: Any) -> HttpResponse:
    # Those that still work come first; within each group the newest.
    keys = sorted(_visible(principal).order_by("-id"), key=lambda key: key.state != "live")
    context |= {
        "keys": keys,
        "may_create": principal.may(Right.MAKE_KEYS),
        "sees_all": principal.may(Right.MANAGE_KEYS),
    }
    template = "accounts/api_keys_answer.html" if is_htmx(request) else "accounts/api_keys.html"
    return render(request, template, context, status=status)
