"""The pages of API keys: list, create, change, rotate, revoke. A clear text is in one answer and nowhere else."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth.decorators import is_htmx, team_member_required
from accounts.auth.principals import Principal, is_in_networks
from accounts.keys.forms import DEFAULT_SCOPES, KeyForm, ManagedKeyForm, NewKeyForm, RotateForm
from accounts.keys.services import create_api_key, revoke_api_key, rotate_api_key, update_api_key
from accounts.models import ApiKey
from accounts.roles import Right
from common.errors import Conflict, NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def api_keys(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """The member's own keys, and the form for a new one."""
    if request.method != "POST":
        return _list(request, principal, form=_empty_form(principal))
    principal.require_right(Right.MAKE_KEYS)
    form = NewKeyForm(request.POST, scopes=principal.scopes)
    if not form.is_valid():
        return _list(request, principal, form=form, status=422)
    chosen = {name: form.cleaned_data[name] for name in (*ManagedKeyForm.base_fields, "scopes")}
    key, clear_text = create_api_key(
        team=principal.team, creator=principal.user, expires_at=form.expires_at(), **chosen
    )
    _warn_if_ip_not_allowed(request, key)
    return _list(request, principal, form=_empty_form(principal), new_key=key, clear_text=clear_text, status=201)


@require_safe
@team_member_required()
def team_keys(request: HttpRequest, principal: Principal) -> HttpResponseBase:
    """All keys of the team with their creators, for those who manage them."""
    principal.require_right(Right.MANAGE_KEYS)
    return render(request, "accounts/api_keys_team.html", {"keys": _sorted(_visible(principal)), "sees_all": True})


@require_http_methods(["GET", "HEAD", "POST"])
@team_member_required()
def api_key(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """One key: name and addresses for its creator, caps too for those who manage keys."""
    key = _find(principal, prefix)
    form_class = ManagedKeyForm if principal.may(Right.MANAGE_KEYS) else KeyForm
    if request.method != "POST":
        return _key_page(request, principal, key, form=form_class(initial=ManagedKeyForm.of(key)))
    form = form_class(request.POST)
    if not form.is_valid():
        return _key_page(request, principal, key, form=form, status=422)
    if update_api_key(key=key, **form.cleaned_data):
        messages.success(request, _("Saved."))
        _warn_if_ip_not_allowed(request, key)
    return redirect("api_key", prefix)


@require_POST
@team_member_required()
def rotate(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """A new secret for one's own key; nobody is shown a secret that speaks for somebody else."""
    principal.require_right(Right.MAKE_KEYS)
    key = _find(principal, prefix)
    if key.creator_id != principal.user.pk:
        raise NotFound("No such key.")
    rotation = RotateForm(request.POST)
    form = KeyForm(initial=ManagedKeyForm.of(key))
    if not rotation.is_valid():
        return _key_page(request, principal, key, form=form, rotation=rotation, status=422)
    try:
        new_key, clear_text = rotate_api_key(key=key, overlap=rotation.cleaned_data["overlap"])
    except Conflict:
        messages.error(request, _("This key was rotated already, or does not work any more."))
        return redirect("api_key", prefix)
    context = {"key": key, "new_key": new_key, "clear_text": clear_text}
    return render(request, "accounts/api_key_rotated.html", context, status=201)


@require_POST
@team_member_required()
def revoke(request: HttpRequest, principal: Principal, prefix: str) -> HttpResponseBase:
    """Ends a key of this team: one's own, or anybody's for those who manage the team."""
    key = _find(principal, prefix)
    if revoke_api_key(key=key):
        messages.success(request, _("The key “%(name)s” is revoked. It stopped working at once.") % {"name": key.name})
    url_name = "api_keys" if key.creator_id == principal.user.pk else "team_api_keys"
    if not is_htmx(request):
        return redirect(url_name)
    response = HttpResponse(status=204)
    response["HX-Redirect"] = reverse(url_name)
    return response


def _visible(principal: Principal) -> QuerySet[ApiKey]:
    keys: QuerySet[ApiKey] = ApiKey.objects.for_team(principal.team).select_related("creator")
    return keys if principal.may(Right.MANAGE_KEYS) else keys.filter(creator=principal.user)


def _find(principal: Principal, prefix: str) -> ApiKey:
    key = _visible(principal).filter(prefix=prefix).first()
    if key is None:
        raise NotFound("No such key.")
    return key


def _sorted(keys: QuerySet[ApiKey]) -> list[ApiKey]:
    """Those that still work come first; within each group the newest."""
    return sorted(keys.order_by("-id"), key=lambda key: key.state != "live")


def _empty_form(principal: Principal) -> NewKeyForm:
    return NewKeyForm(scopes=principal.scopes, initial={"scopes": DEFAULT_SCOPES, "expires": "90"})


def _client_ip(request: HttpRequest) -> str:
    """For the hint; empty where it is not known."""
    address: str = request.client_ip  # type: ignore[attr-defined]
    return "" if address == "unknown" else address


def _warn_if_ip_not_allowed(request: HttpRequest, key: ApiKey) -> None:
    address = _client_ip(request)
    if address and key.allowed_networks and not is_in_networks(address, key.allowed_networks):
        text = _("Your own address, %(address)s, is not among the allowed ones: the key does not work from here.")
        messages.warning(request, text % {"address": address})


def _list(request: HttpRequest, principal: Principal, *, status: int = 200, **context: Any) -> HttpResponse:
    context |= {
        "keys": _sorted(_visible(principal).filter(creator=principal.user)),
        "may_create": principal.may(Right.MAKE_KEYS),
        "client_ip": _client_ip(request),
    }
    template = "accounts/api_keys_response.html" if is_htmx(request) else "accounts/api_keys.html"
    return render(request, template, context, status=status)


def _key_page(
    request: HttpRequest, principal: Principal, key: ApiKey, *, status: int = 200, **context: Any
) -> HttpResponse:
    own = key.creator_id == principal.user.pk
    context = {
        "key": key,
        "own": own,
        "may_rotate": own and principal.may(Right.MAKE_KEYS),
        "rotation": RotateForm(initial={"overlap": "24"}),
        "client_ip": _client_ip(request),
        **context,
    }
    return render(request, "accounts/api_key.html", context, status=status)
